"""The protections around credentials: they are followed, kept from others, and shown nowhere."""

from typing import Final

from tests.mutations.table import Edit, Mutation, of_shell

LOGINS: Final = "tests/component/test_logins.py::"
GIVEN: Final = f"{LOGINS}test_a_client_is_given_a_password_that_changed"
FILES: Final = "tests/unit/test_credential_files.py::"
CLIENTS: Final = "tests/unit/test_settings_clients.py::"
OURS: Final = "tests/component/test_check_client_certificate.py::"
OPEN: Final = "tests/component/test_check_in_the_open.py::"
ECHO: Final = "tests/unit/test_http_edge_values.py::test_a_key_that_a_reply_quotes_is_masked"
WORDS: Final = "tests/unit/test_logs.py::"


def _given(client: str, file: str, line: str, maker: str) -> Mutation:
    """Return that a client is no longer given a password that changes."""
    return of_shell(f"{client} follows a password", file, line, "", f"{GIVEN}[{maker}]")


CREDENTIALS: Final = (
    _given(
        "the consumer",
        "kafka/poller.py",
        "        self._login.follow(self._consumer)\n",
        "a_poller",
    ),
    _given(
        "the producer", "kafka/sink.py", "        self._login.follow(self._producer)\n", "a_sink"
    ),
    _given(
        "the restorer's consumer",
        "kafka/restorer.py",
        "                self._login.follow(self._consumer)\n",
        "a_restorer",
    ),
    _given(
        "the admin client",
        "kafka/broker.py",
        "        self._login.follow(self._client)\n",
        "a_broker",
    ),
    _given(
        "the producer of copies",
        "history/lane.py",
        "        self._login.follow(self._producer)\n",
        "a_lane",
    ),
    of_shell(
        "a client is given a password once",
        "kafka/clients.py",
        "            self._given = current\n",
        "",
        f"{LOGINS}test_a_client_is_given_a_password_once",
    ),
    of_shell(
        "of the properties only user and password follow their file",
        "settings_properties.py",
        "self._now, self._seen = {**self._first, **follow}, seen",
        "self._now, self._seen = {**told}, seen",
        f"{LOGINS}test_what_only_a_restart_would_bring_into_use_is_told_and_not_used",
    ),
    of_shell(
        "a file of properties that cannot be used changes nothing",
        "settings_properties.py",
        "    _parse_properties(text)\n    return text",
        "    return text",
        f"{LOGINS}test_a_file_that_cannot_be_used_changes_nothing",
    ),
    of_shell(
        "a file of secrets that everybody may read is warned of",
        "credential_files.py",
        "bool(path.stat().st_mode & stat.S_IROTH)",
        "False",
        f"{FILES}test_a_file_that_everybody_may_read_is_warned_of_once",
    ),
    of_shell(
        "`check` warns of it, too",
        "checks/settings.py",
        "if open_to_all(path):",
        "if False:",
        f"{FILES}test_check_warns_of_it_too",
    ),
    of_shell(
        "a certificate that needs a restart is said",
        "credential_files.py",
        "if _identity(path) not in (was, None):",
        "if False:",
        f"{FILES}test_a_certificate_that_needs_a_restart_is_said",
    ),
    of_shell(
        "properties that would have no effect are refused",
        "settings_clients.py",
        "if told and protocol not in protocols:",
        "if False:",
        f"{CLIENTS}test_a_property_that_librdkafka_would_pass_over_is_refused",
    ),
    of_shell(
        "defaults that are spelt out are taken",
        "settings_clients.py",
        "return not text or (name, text) in _DEFAULTS",
        "return False",
        f"{CLIENTS}test_what_counts_and_defaults_that_are_spelt_out_are_taken",
    ),
    of_shell(
        "certificates for a registry without TLS are warned of",
        "checks/registry.py",
        "if getattr(given, name) is not None:",
        "if False:",
        f"{OPEN}test_certificates_for_a_registry_without_tls_are_warned_of",
    ),
    of_shell(
        "a key with a password hides no end of its certificate",
        "checks/settings.py",
        "    if certificate and key:\n",
        "    if certificate and key and not password:\n",
        f"{OURS}test_a_key_with_a_password_hides_no_end",
    ),
    of_shell(
        "a certificate that cannot be looked into is said to be so",
        "checks/settings.py",
        "        if given.get(name):\n",
        "        if False:\n",
        f"{OURS}test_a_form_that_cannot_be_looked_into_is_said_to_be_so",
    ),
    of_shell(
        "a port without a password is warned of where others reach it",
        "checks/server.py",
        "    if given.password is None:\n        yield",
        "    if False:\n        yield",
        f"{OPEN}test_a_port_that_asks_for_no_password_is_warned_of_where_others_reach_it",
    ),
    Mutation(
        "only its group may read a secret that the chart mounts",
        (
            Edit(
                "deploy/helm/processor/templates/_container.tpl",
                "    secretName: {{ $secret.name }}\n    defaultMode: 0440\n",
                "    secretName: {{ $secret.name }}\n",
            ),
        ),
        "tests/contract/test_chart.py::test_what_it_mounts_of_secrets_only_their_group_may_read",
    ),
    Mutation(
        "no currency that may be about a person is shown",
        (
            Edit(
                "processor/core/events.py",
                "ascii(currency) if length <= _LONGEST_CURRENCY else",
                "ascii(currency) if length else",
            ),
        ),
        "tests/unit/test_events.py::test_a_broken_item_is_named",
    ),
    of_shell(
        "a commit that fails does not hide why",
        "watch.py",
        '"; ".join(dict.fromkeys(filter(None, troubles)))',
        "next(filter(None, troubles), None)",
        "tests/component/test_watch.py::test_what_follows_from_a_trouble_does_not_hide_it",
    ),
    of_shell(
        "a key that a reply quotes is masked",
        "http/rokt_client.py",
        "return _without(key, await self._attempt(self._request(call, key, may_go)))",
        "return await self._attempt(self._request(call, key, may_go))",
        ECHO,
    ),
    of_shell(
        "tracebacks quote no words of others",
        "tracebacks.py",
        'f"{kind}: {error}" if isinstance(error, _TRUSTED) else kind',
        'f"{kind}: {error}"',
        f"{WORDS}test_a_traceback_shows_no_local_variables_and_no_words_of_others",
    ),
    of_shell(
        "no secret shows in a log",
        "secrets.py",
        '        """Return the mask."""\n        return MASK\n',
        '        """Return the mask."""\n        return self._value\n',
        f"{WORDS}test_secrets_are_masked_and_bytes_only_measured",
    ),
    of_shell(
        "libraries say nothing below warnings",
        "logs.py",
        "level=logging.WARNING, force=True",
        "level=logging.DEBUG, force=True",
        f"{WORDS}test_libraries_speak_through_the_same_door_and_only_when_it_matters",
    ),
)
