"""The protections towards whoever is called: Rokt and the schema registry, and who feigns them."""

from typing import Final

from tests.mutations.table import of_shell

_WHERE: Final = "tests/unit/test_destinations.py::"
_CALLED: Final = "tests/component/test_http_edge_destinations.py::"
_FILES: Final = "tests/component/test_tls_files.py::"
_HOSTILE: Final = "tests/component/test_registry_hostile.py::"
_ANSWERS: Final = "tests/component/test_schema_answers.py::"
_CACHE: Final = "tests/unit/test_schema_cache.py::"
_COMPARED: Final = "tests/unit/test_schema_comparison.py::"
_NO_WORD: Final = f"{_CALLED}test_a_name_that_leads_to_this_machine_gets_no_word"
_ONLY_THOSE: Final = f"{_CALLED}test_of_several_addresses_only_those_that_may_be_called_are_tried"
_ROTATED: Final = f"{_FILES}test_a_new_authority_is_trusted_and_the_old_one_no_more"
_OUTLIVED: Final = f"{_FILES}test_no_connection_outlives_the_files_that_it_was_made_with"
_CHANGED: Final = f"{_COMPARED}test_a_schema_that_changes_under_its_id_has_its_records_wait"


PEERS: Final = (
    of_shell(
        "calls go over TLS, but to this machine",
        "settings_addresses.py",
        'parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))',
        'parts.scheme in {"https", "http"}',
        "tests/unit/test_settings_values.py::test_an_illegal_value_is_refused_in_words_that_do_not_quote_it",
    ),
    of_shell(
        "calls go to no metadata service",
        "http/destinations.py",
        '        ("169.254.0.0/16", _LINK_LOCAL),\n',
        "",
        f"{_WHERE}test_no_call_goes_to_metadata_to_this_machine_or_to_no_single_host",
    ),
    of_shell(
        "an address is refused in every form",
        "http/destinations.py",
        "for each in (found, *_carried(found)):",
        "for each in (found,):",
        f"{_WHERE}test_what_is_refused_is_refused_in_every_form",
    ),
    of_shell(
        "this machine is called only where the base URL names it",
        "http/destinations.py",
        "            if each.is_loopback:\n",
        "            if False:\n",
        _NO_WORD,
    ),
    of_shell(
        "a base URL of this machine leads nowhere else",
        "http/destinations.py",
        'None if found.is_loopback else "not this machine, which the base URL names"',
        "None",
        f"{_WHERE}test_a_base_url_of_this_machine_leads_to_this_machine_only",
    ),
    of_shell(
        "what is not allowed is not called",
        "http/destinations.py",
        "if self.allowed and not any(",
        "if False and not any(",
        f"{_WHERE}test_an_address_that_is_not_allowed_is_refused",
    ),
    of_shell(
        "only addresses that may be called are connected to",
        "http/fast_transport.py",
        "[each for each in found if self._destinations.refusal(str(each[4][0])) is None]",
        "found",
        _ONLY_THOSE,
    ),
    of_shell(
        "the engine of httpx looks whom it is connected to",
        "http/pooled_transport.py",
        "        if refusal is not None:\n",
        "        if False:\n",
        _NO_WORD,
    ),
    of_shell(
        "check asks nothing where calls never go",
        "checks/rokt.py",
        "if any(each.level is Level.ERROR for each in refused):",
        "if False:",
        "tests/component/test_check_rokt.py::"
        "test_a_name_that_leads_where_calls_never_go_is_told_and_asked_nothing",
    ),
    of_shell(
        "TLS is of today",
        "tls.py",
        "ssl.TLSVersion.TLSv1_2",
        "ssl.TLSVersion.TLSv1",
        f"{_FILES}test_tls_is_of_today_and_looks_at_certificates_and_names",
    ),
    of_shell(
        "our certificate is shown",
        "tls.py",
        "if files.certificate_file is not None:",
        "if False:",
        "tests/component/test_http_edge_tls.py::test_a_client_certificate_is_shown",
    ),
    of_shell(
        "certificates are read again when they change",
        "tls.py",
        "self._context = context_of(self._files)",
        "pass",
        _ROTATED,
    ),
    of_shell(
        "certificates that are read again hold in the engine of httpx",
        "http/pooled_transport.py",
        "self._context = self._inner._ssl_context = context",
        "self._context = context",
        _ROTATED,
    ),
    of_shell(
        "no connection outlives its certificates",
        "http/fast_transport.py",
        " and connection.context is context",
        "",
        _OUTLIVED,
    ),
    of_shell(
        "no connection of the engine of httpx outlives its certificates",
        "http/pooled_transport.py",
        "            await self._close_older()\n",
        "            pass\n",
        _OUTLIVED,
    ),
    of_shell(
        "half a rotation stops nothing",
        "tls.py",
        "        except TlsFileError as error:\n            if self.problem",
        "        except ZeroDivisionError as error:\n            if self.problem",
        f"{_FILES}test_half_a_rotation_leaves_the_old_certificate_in_use",
    ),
    of_shell(
        "whoever names an authority for the registry trusts no other",
        "registry.py",
        "        trusts_no_other=True,\n",
        "",
        f"{_HOSTILE}test_the_settings_say_whom_to_trust_and_who_we_are",
    ),
    of_shell(
        "the registry's redirects are refused",
        "registry.py",
        "follow_redirects=False",
        "follow_redirects=True",
        f"{_HOSTILE}test_a_redirect_is_refused_and_nobody_else_learns_the_password",
    ),
    of_shell(
        "the registry's answers end at a deadline",
        "registry_transport.py",
        "asyncio.timeout(self._within)",
        "asyncio.timeout(self._within * 40)",
        f"{_HOSTILE}test_an_answer_that_drips_ends_at_its_deadline",
    ),
    of_shell(
        "the registry's answers are bounded",
        "registry_transport.py",
        "read_body(response.stream, encoding, ANSWER_LIMIT)",
        "read_body(response.stream, encoding, 1 << 28)",
        f"{_HOSTILE}test_an_answer_that_is_too_large_refuses_the_schema_and_feigns_no_outage",
    ),
    of_shell(
        "errors of the registry quote nobody",
        "registry.py",
        "httpx.ConnectError | httpx.TimeoutException | TooLargeError",
        "httpx.TransportError",
        f"{_HOSTILE}test_a_peer_that_says_our_password_back_is_not_quoted",
    ),
    of_shell(
        "the registry is asked so many questions a second",
        "schema_questions.py",
        "self._left -= len(chosen)",
        "pass",
        f"{_CACHE}test_made_up_schemas_do_not_hammer_the_registry",
    ),
    of_shell(
        "a slow registry is asked no more than it answers",
        "schema_questions.py",
        "min(self._left, ASKED_A_SECOND - len(self._asking))",
        "self._left",
        f"{_CACHE}test_a_registry_that_is_slow_is_asked_no_more_than_it_answers",
    ),
    of_shell(
        "made-up schemas keep no real one waiting",
        "schema_questions.py",
        "question.former is not None, question.records, ",
        "question.former is not None, 0, ",
        f"{_CACHE}test_what_most_records_wait_for_is_asked_first_however_many_others_are_made_up",
    ),
    of_shell(
        "many made-up schemas are asked for twice each",
        "schema_questions.py",
        "len(self._open) > MANY_UNKNOWN and ",
        "False and ",
        f"{_CACHE}test_while_many_are_unknown_each_is_asked_for_twice",
    ),
    of_shell(
        "a wanted schema is found in seconds among made-up ones",
        "schema_questions.py",
        " and question.records < OFTEN_WANTED",
        "",
        f"{_CACHE}"
        "test_a_new_schema_that_many_records_wait_for_is_found_in_seconds_among_made_up_ones",
    ),
    of_shell(
        "unknown schemas are remembered, and not for ever",
        "schema_questions.py",
        "if len(self._unknown) > _MOST_UNKNOWN:",
        "if False:",
        f"{_CACHE}test_the_memory_of_unknown_schemas_is_bounded",
    ),
    of_shell(
        "a schema that is refused beside others is given up",
        "registry.py",
        "return status in _CLIENT_ERRORS and status not in _OF_ALL_QUESTIONS",
        "return False",
        f"{_ANSWERS}test_a_schema_that_is_refused_beside_what_is_told_of_its_topic_is_given_up",
    ),
    of_shell(
        "credentials and pace are not of one schema",
        "registry.py",
        "return status in _CLIENT_ERRORS and status not in _OF_ALL_QUESTIONS",
        "return status in _CLIENT_ERRORS",
        f"{_ANSWERS}test_a_schema_that_may_be_told_later_is_never_given_up",
    ),
    of_shell(
        "who may not ask learns nothing of a schema",
        "schema_cache.py",
        "if knows_another else answer",
        "",
        f"{_ANSWERS}test_where_nothing_of_the_topic_is_told_nothing_is_given_up",
    ),
    of_shell(
        "a schema that is not told is said beside others that are",
        "schema_cache.py",
        "if not ask.is_comparison:  # else",
        "if True:  # else",
        "tests/component/test_schema_cache.py::"
        "test_that_one_schema_is_not_told_is_said_however_well_another_is_compared",
    ),
    of_shell(
        "a schema that changes under its id is noticed",
        "schema_questions.py",
        "isinstance(result, Unknown | RegistryAway) or result == question.former",
        "True",
        _CHANGED,
    ),
    of_shell(
        "what was written by a schema that changed waits",
        "schema_questions.py",
        "question.former is None or question.former == result",
        "True",
        _CHANGED,
    ),
    of_shell(
        "a schema that changed is never given up",
        "schema_questions.py",
        "case Unknown(knows_another=True) if question.former is None:",
        "case Unknown(knows_another=True):",
        _CHANGED,
    ),
    of_shell(
        "a schema that changed is said",
        "schema_cache.py",
        '            _LOG.error("a schema is another',
        '            _LOG.debug("a schema is another',
        "tests/component/test_schema_cache.py::"
        "test_a_schema_that_changes_under_its_id_is_said_until_it_is_back",
    ),
)
