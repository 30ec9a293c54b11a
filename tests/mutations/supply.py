"""The protections of what we are made of: locks, the audit, the bill of materials, the wheel."""

from typing import Final

from tests.mutations.table import of_one_place

AUDIT: Final = "tests/component/test_audit.py::"
BILL: Final = "tests/contract/test_sbom.py::"
LOCKS: Final = "tests/contract/test_locks.py::"
NEEDS: Final = "tests/contract/test_dependencies.py::"
PARTS: Final = "tests/component/test_java_parts.py::"
WHEEL: Final = "tests/component/test_wheel_bytes.py::"


SUPPLY: Final = (
    of_one_place(
        "a lock without a hash is found",
        "requirements/check.py",
        'if "--hash=sha256:" not in entry:',
        "if False:",
        f"{LOCKS}test_what_is_wrong_with_a_lock_is_told",
    ),
    of_one_place(
        "a lock names no address",
        "requirements/check.py",
        'if "://" in lock:',
        "if False:",
        f"{LOCKS}test_what_is_wrong_with_a_lock_is_told",
    ),
    of_one_place(
        "a lock holds pins only",
        "requirements/check.py",
        'elif entry.strip() and not entry.lstrip().startswith("#"):',
        "elif False:",
        f"{LOCKS}test_what_is_wrong_with_a_lock_is_told",
    ),
    of_one_place(
        "make installs nothing without its hash",
        "Makefile",
        "INSTALL := $(PIP) install --quiet --require-hashes",
        "INSTALL := $(PIP) install --quiet",
        f"{LOCKS}test_pip_installs_nothing_without_its_hash",
    ),
    of_one_place(
        "the image installs nothing without its hash",
        "Dockerfile",
        "--require-hashes --only-binary :all: -r requirements/build.txt",
        "--only-binary :all: -r requirements/build.txt",
        f"{LOCKS}test_pip_installs_nothing_without_its_hash",
    ),
    of_one_place(
        "the image runs nobody's setup",
        "Dockerfile",
        "--require-hashes --only-binary :all: -r requirements/image.txt",
        "--require-hashes -r requirements/image.txt",
        f"{LOCKS}test_the_image_is_made_of_wheels",
    ),
    of_one_place(
        "nobody's setup builds the image",
        "Dockerfile",
        "--require-hashes --only-binary :all: -r requirements/build.txt",
        "--require-hashes -r requirements/build.txt",
        f"{LOCKS}test_the_image_is_made_of_wheels",
    ),
    of_one_place(
        "what is not named stays out of the image",
        "Dockerfile",
        "COPY processor processor\n",
        "COPY . .\n",
        f"{LOCKS}test_what_is_not_named_stays_out_of_the_image",
    ),
    of_one_place(
        "what is imported is declared",
        "pyproject.toml",
        '  "tomli-w>=1.2",\n',
        "",
        f"{NEEDS}test_what_is_imported_is_declared_and_what_is_declared_is_imported",
    ),
    of_one_place(
        "what is needed has its reason",
        "pyproject.toml",
        '  "tomli-w>=1.2",\n',
        '  "tomli-w>=1.2",\n  "jgo>=3.2",\n',
        f"{NEEDS}test_what_the_processor_needs_has_its_reason_and_nothing_else_has_one",
    ),
    of_one_place(
        "an audit that could not look up is no success",
        "requirements/audit.py",
        "    if missing:\n",
        "    if False:\n",
        f"{AUDIT}test_a_database_that_fails_is_no_success",
    ),
    of_one_place(
        "what a database does not know is not taken for good",
        "requirements/audit.py",
        "if (name, version) not in looked_up",
        "if False",
        f"{AUDIT}test_what_a_database_does_not_know_is_not_taken_for_good",
    ),
    of_one_place(
        "a failed audit tells no address",
        "requirements/audit.py",
        "last.partition(': ')[0]",
        "last",
        f"{AUDIT}test_a_database_that_is_away_is_no_success_and_told_without_addresses",
    ),
    of_one_place(
        "equal sources have equal bills of materials",
        "requirements/sbom.py",
        "uuid5(_SERIALS, json.dumps(found)).urn",
        "UUID(bytes=os.urandom(16)).urn",
        f"{BILL}test_equal_sources_give_equal_bytes",
    ),
    of_one_place(
        "the bill of materials is of the image's platform",
        "requirements/sbom.py",
        " if pin.is_for(inside)",
        "",
        f"{BILL}test_it_has_every_package_that_the_image_installs",
    ),
    of_one_place(
        "licences are those of what is locked",
        "requirements/sbom.py",
        'if stated is None or stated["Version"] != version:',
        "if stated is None:",
        f"{BILL}test_what_is_not_installed_as_it_is_locked_is_not_guessed",
    ),
    of_one_place(
        "a bill of materials that breaks the schema is not written",
        "requirements/sbom.py",
        "if (broken := JsonStrictValidator(_VERSION).validate_str(text)) is not None:",
        "if False:",
        f"{BILL}test_a_document_that_breaks_the_schema_is_not_written",
    ),
    of_one_place(
        "two builds of the wheel are the same",
        "pyproject.toml",
        "[tool.hatch.version]",
        "[tool.hatch.build]\nreproducible = false\n\n[tool.hatch.version]",
        f"{WHEEL}test_two_builds_give_the_same_digest",
    ),
    of_one_place(
        "what somebody left in the folders stays out of the wheel",
        "pyproject.toml",
        '  "/processor/**/*.py",\n',
        '  "/processor",\n',
        f"{WHEEL}test_what_somebody_left_in_the_folders_stays_out",
    ),
    of_one_place(
        "a schema is not forgotten in the wheel",
        "pyproject.toml",
        '"schemas/OrderPaid.avsc" = "processor/_schemas/OrderPaid.avsc"\n',
        "",
        f"{WHEEL}test_it_holds_what_belongs_there",
    ),
    of_one_place(
        "a jar is run only if it is the one that is pinned",
        "tests/support/java_parts.py",
        "if line not in pinned",
        "if False",
        f"{PARTS}test_a_file_is_taken_by_its_name_and_digest_only",
    ),
    of_one_place(
        "an archive is looked at before it is unpacked",
        "tests/support/java_parts.py",
        "    expect_pinned(archive)\n",
        "",
        f"{PARTS}test_what_was_exchanged_on_the_way_never_reaches_the_cache",
    ),
    of_one_place(
        "nobody else may look into the ledger's copy",
        "processor/shell/ledger/disk.py",
        "mkdir(mode=0o700, ",
        "mkdir(",
        "tests/component/test_ledger_access.py::test_nobody_else_may_look_into_the_copy",
    ),
    of_one_place(
        "a password for Kafka in the open is warned of",
        "processor/shell/checks/kafka.py",
        'if protocol_of(kafka) == "SASL_PLAINTEXT":',
        "if False:",
        "tests/component/test_check_in_the_open.py::"
        "test_a_password_for_kafka_without_tls_is_warned_of",
    ),
    of_one_place(
        "a password for the registry in the open is warned of",
        "processor/shell/checks/registry.py",
        "if given.password is not None:",
        "if False:",
        "tests/component/test_check_in_the_open.py::"
        "test_a_password_for_the_registry_without_tls_is_warned_of",
    ),
)
