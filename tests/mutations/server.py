"""Mutations of the server's port, and of what keeps words of strangers from acting."""

from typing import Final

from tests.mutations.table import of_processor

_MANY: Final = "tests/component/test_server_strangers.py::"
_MALFORMED: Final = "tests/component/test_server_malformed.py::"
_TRIPS: Final = (
    f"{_MALFORMED}test_what_its_reader_trips_over_costs_the_connection_and_a_line_without_its_words"
)
_WHO: Final = "tests/component/test_server_access.py::"
_ASKED: Final = "tests/component/test_server_askers.py::"
_PACE: Final = "tests/unit/test_server_pace.py::"
_WORDS: Final = "tests/property/test_strangers_words.py::"


SERVER: Final = (
    of_processor(
        "so many connections at once are let in",
        "shell/server_door.py",
        "if len(self._visits) < MOST:",
        "if True:",
        f"{_MANY}test_a_thousand_connections_at_once_stop_neither_the_work_nor_the_probes",
    ),
    of_processor(
        "a new connection takes the place of who was silent for longest",
        "shell/server_door.py",
        "self._visits.move_to_end(inner)",
        "pass",
        f"{_MANY}test_whoever_has_been_silent_for_longest_makes_room_for_a_new_one",
    ),
    of_processor(
        "a request that drips is given up",
        "shell/server_door.py",
        "if steady() >= visit.leaves_at:",
        "if False:",
        f"{_MANY}test_a_request_that_drips_is_given_up",
    ),
    of_processor(
        "what a parser raises costs its connection, not the process",
        "shell/server_door.py",
        "except Exception as error:",
        "except ZeroDivisionError as error:",
        _TRIPS,
    ),
    of_processor(
        "no connection is ended in the middle of a callback",
        "shell/server_door.py",
        "asyncio.get_running_loop().call_soon(self.end)",
        "self.end()",
        f"{_MALFORMED}test_whatever_is_raised_on_a_connection_ends_it_and_no_more",
    ),
    of_processor(
        "errors that requests make in the library are worth no line",
        "shell/server_speaker.py",
        "    if error is None:\n        return True\n",
        "    return True\n",
        f"{_MALFORMED}test_what_is_answered_before_its_turn_costs_the_connection_and_no_line",
    ),
    of_processor(
        "errors of ours are told",
        "shell/server_speaker.py",
        "    if error is None:\n        return True\n",
        "    return error is None\n",
        "tests/component/test_server.py::test_a_mistake_of_ours_is_logged",
    ),
    of_processor(
        "what is answered before its turn costs the connection",
        "shell/server.py",
        "response.force_close()",
        "pass",
        f"{_MALFORMED}test_what_is_answered_before_its_turn_costs_the_connection_and_no_line",
    ),
    of_processor(
        "what is raised behind a turn costs its connection, too",
        "shell/server_speaker.py",
        "except Exception as error:",
        "except ZeroDivisionError as error:",
        _TRIPS,
    ),
    of_processor(
        "who does not read an answer holds a piece of it",
        "shell/server.py",
        "io.BytesIO(await self._metrics[form].get())",
        "await self._metrics[form].get()",
        f"{_MANY}test_whoever_does_not_read_the_answer_costs_little_and_is_cut_off",
    ),
    of_processor(
        "a handshake can be ended",
        "shell/server_door.py",
        "self._arrival.cancel()",
        "pass",
        f"{_WHO}test_handshakes_that_come_to_nothing_keep_nobody_out",
    ),
    of_processor(
        "of one address so many connections a second are let in",
        "shell/server_door.py",
        "if self._shares.takes(origin) and",
        "if",
        f"{_MANY}test_who_comes_too_often_is_hung_up_on_and_the_others_are_not",
    ),
    of_processor(
        "one address takes no place of others",
        "shell/server_door.py",
        "if counts[origin] >= most:",
        "if True:",
        f"{_MANY}test_one_address_takes_no_place_of_others",
    ),
    of_processor(
        "who has many places gives one",
        "shell/server_door.py",
        "if each.origin == crowd)",
        "if each.origin != crowd)",
        f"{_MANY}test_one_address_takes_no_place_of_others",
    ),
    of_processor(
        "so many requests a second are answered",
        "shell/server.py",
        "await self._pace.turn()",
        "pass",
        f"{_MANY}test_so_many_requests_a_second_are_answered",
    ),
    of_processor(
        "who has left takes no turn",
        "shell/server.py",
        "handler_cancellation=True",
        "handler_cancellation=False",
        f"{_MANY}test_whoever_has_left_takes_no_turn",
    ),
    of_processor(
        "metrics are made at most a tenth of the time",
        "shell/server_pace.py",
        "if self._clock() < self._good_until:",
        "if False:",
        f"{_PACE}test_what_takes_a_second_is_made_in_a_tenth_of_the_time",
    ),
    of_processor(
        "metrics are made once for all who wait",
        "shell/server_pace.py",
        "await asyncio.wait({making})",
        "await making",
        f"{_PACE}test_many_who_wait_wait_for_the_same",
    ),
    of_processor(
        "the status is made at most a tenth of the time",
        "shell/server_pace.py",
        "if began >= self._good_until:",
        "if True:",
        f"{_MANY}test_what_is_looked_at_often_is_made_seldom",
    ),
    of_processor(
        "scrapers choose among two forms only",
        "shell/server.py",
        "form = _OPEN_METRICS if _OPEN_METRICS in request",
        "choose_encoder(request.headers.get('Accept', ''))\n"
        "        form = _OPEN_METRICS if _OPEN_METRICS in request",
        "tests/component/test_server.py::test_whatever_a_scraper_asks_for_it_gets_one_of_two_forms",
    ),
    of_processor(
        "the server speaks TLS 1.2 or newer",
        "shell/server_tls.py",
        "ssl.TLSVersion.TLSv1_2",
        "ssl.TLSVersion.TLSv1",
        f"{_WHO}test_old_versions_are_off_whatever_the_system_allows",
    ),
    of_processor(
        "a new certificate is shown without a restart",
        "shell/server_tls.py",
        "- self._looked_at >= _LOOK_EVERY:",
        "- self._looked_at < 0:",
        f"{_WHO}test_a_new_certificate_is_shown_without_a_restart",
    ),
    of_processor(
        "half a rotation of the certificate stops nothing",
        "shell/server_tls.py",
        "except (OSError, ValueError) as error:\n            if self._is_well",
        "except ZeroDivisionError as error:\n            if self._is_well",
        f"{_WHO}test_a_new_certificate_is_shown_without_a_restart",
    ),
    of_processor(
        "who looks has to know the password",
        "shell/server_guard.py",
        'if _tells(request, f"{self._username}:{password}".encode()):',
        "if True:",
        f"{_WHO}test_only_who_knows_the_password_may_look",
    ),
    of_processor(
        "nothing but the probes needs no password",
        "shell/server_guard.py",
        "if request.path in PROBES:",
        "if request.path.endswith(tuple(PROBES)):",
        f"{_WHO}test_probes_need_no_password_and_tell_no_more_than_yes_or_no",
    ),
    of_processor(
        "a stranger's name for this machine is refused",
        "shell/server_guard.py",
        "if _came_over_loopback(request) and not",
        "if False and not",
        f"{_WHO}test_a_page_of_a_stranger_reads_nothing_by_a_name_of_its_own",
    ),
    of_processor(
        "no answer is kept",
        "shell/server.py",
        '"Cache-Control": "no-store"',
        '"Cache-Control": "private"',
        f"{_WHO}test_no_other_origin_may_read_anything",
    ),
    of_processor(
        "check tells the password to our certificate only",
        "shell/server_tls.py",
        "context.load_verify_locations(cafile=certificate)",
        "context.verify_mode = ssl.CERT_NONE",
        f"{_ASKED}test_check_asks_with_the_certificate_and_the_password_of_the_settings",
    ),
    of_processor(
        "a certificate that has expired ends no process",
        "shell/server_tls.py",
        "context.verify_mode = ssl.CERT_NONE",
        "pass",
        f"{_ASKED}test_healthcheck_asks_over_tls_and_judges_no_certificate",
    ),
    of_processor(
        "words of strangers act in no report",
        "cli/texts.py",
        "return escaped(",
        "return str(",
        f"{_WORDS}test_no_report_lets_them_act",
    ),
    of_processor(
        "words of strangers act in no error",
        "cli/folding.py",
        "text = escaped_lines(text)",
        "pass",
        f"{_WORDS}test_an_error_is_told_in_the_lines_that_it_has",
    ),
    of_processor(
        "words of strangers act in no line of JSON",
        "shell/logs.py",
        "return escaped_json(line)",
        "return line",
        f"{_WORDS}test_logs_are_lines_of_ours",
    ),
    of_processor(
        "a line with half a letter is not lost",
        "shell/logs.py",
        "except TypeError:",
        "except ZeroDivisionError:",
        f"{_WORDS}test_logs_are_lines_of_ours",
    ),
    of_processor(
        "words of strangers act in no line for people",
        "shell/logs.py",
        "[_shortened, _printing, renderer]",
        "[_shortened, renderer]",
        f"{_WORDS}test_logs_are_lines_of_ours",
    ),
    of_processor(
        "words of strangers act in no traceback",
        "shell/logs.py",
        "{escaped_lines(traceback_of(told[1]))}",
        "{traceback_of(told[1])}",
        f"{_WORDS}test_a_traceback_for_people_quotes_in_letters_that_print",
    ),
    of_processor(
        "words of strangers act in no status",
        "shell/server.py",
        "body=_printing(body)",
        "body=body",
        f"{_WORDS}test_the_server_says_the_same_in_letters_that_print",
    ),
    of_processor(
        "words of strangers turn nothing on the page",
        "shell/page/words.py",
        "return escaped(",
        "return str(",
        f"{_WORDS}test_the_page_gets_letters_that_print",
    ),
    of_processor(
        "an id is one word of a printed command",
        "cli/inspect.py",
        "--cart {shlex.quote(cart)}",
        "--cart {cart}",
        f"{_WORDS}test_a_command_that_is_printed_has_them_as_one_word_or_not_at_all",
    ),
    of_processor(
        "an id that does not print is in no printed command",
        "cli/inspect.py",
        "if each.cart_id and each.cart_id.isprintable()",
        "if each.cart_id",
        f"{_WORDS}test_a_command_that_is_printed_has_them_as_one_word_or_not_at_all",
    ),
)
