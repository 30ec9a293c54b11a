"""The protections against hostile schemas, and values of them."""

from typing import Final

from tests.mutations.table import of_processor

_SCHEMA: Final = "tests/unit/test_vetting.py::test_a_schema_is_refused"
_HARM: Final = "tests/unit/test_hostile_schemas.py::test_harm_is_refused_wherever_it_stands"
_SHORT: Final = (
    "tests/unit/test_vetting.py::test_what_is_said_of_a_schema_is_short_however_long_its_names"
)
_VALUE: Final = "tests/unit/test_decoding.py::"


SCHEMAS: Final = (
    of_processor(
        "a schema's text is bounded",
        "shell/avro_form.py",
        'if len(text.encode("utf-8", "replace")) > MAX_TEXT:',
        "if False:",
        "tests/unit/test_vetting.py::test_the_length_of_a_text_counts_in_bytes",
    ),
    of_processor(
        "text nested beyond reason is no schema",
        "shell/avro_form.py",
        "except (ValueError, RecursionError):",
        "except ValueError:",
        "tests/unit/test_vetting.py::test_a_text_is_refused",
    ),
    of_processor(
        "types are nested so deep",
        "shell/avro_form.py",
        "if depth > MAX_NESTING:",
        "if False:",
        _SCHEMA,
    ),
    of_processor(
        "names count for what they are nested",
        "shell/avro_form.py",
        "if depth + extent.depth - 1 > MAX_NESTING:",
        "if False:",
        _SCHEMA,
    ),
    of_processor(
        "no type contains itself",
        "shell/avro_form.py",
        "extent = self._extents.get(plain)\n",
        "extent = self._extents.get(plain, _Extent())\n",
        _HARM,
    ),
    of_processor(
        "a schema has so many types",
        "shell/avro_form.py",
        "if types > MAX_TYPES:",
        "if False:",
        _SCHEMA,
    ),
    of_processor(
        "a union has so many branches",
        "shell/avro_form.py",
        "if not 0 < len(node) <= MAX_BRANCHES:",
        "if not node:",
        _SCHEMA,
    ),
    of_processor(
        "items take a byte each",
        "shell/avro_form.py",
        "if extent.takes_nothing:",
        "if False:",
        _HARM,
    ),
    of_processor(
        "a record that holds nothing may take nothing",
        "shell/avro_form.py",
        "any(extent.takes_nothing for extent in extents)",
        "False",
        _HARM,
    ),
    of_processor(
        "a record without fields takes nothing",
        "shell/avro_form.py",
        "_join(extents) if extents else _Extent(takes_nothing=True)",
        "_join(extents) if extents else _Extent()",
        _HARM,
    ),
    of_processor(
        "a fixed of size 0 takes nothing",
        "shell/avro_form.py",
        'extent = _Extent(takes_nothing=plain["size"] == 0)',
        "extent = _Extent()",
        _HARM,
    ),
    of_processor(
        "no two types have one name",
        "shell/avro_form.py",
        "if name in _RESERVED or name in self._by_full_name.values():",
        "if False:",
        _SCHEMA,
    ),
    of_processor(
        "no key of a schema occurs twice",
        "shell/avro_form.py",
        "if len(found) != len(pairs):",
        "if False:",
        "tests/unit/test_vetting.py::test_a_text_is_refused",
    ),
    of_processor(
        "what is read has our logical type",
        "shell/vetting.py",
        'if _attribute(pair.writer, "logicalType") != ours:',
        "if False:",
        _SCHEMA,
    ),
    of_processor(
        "a price keeps its decimals",
        "shell/vetting.py",
        "if not (_is_number(scale) and 0 <= scale <= min(MAX_SCALE, precision)):",
        "if False:",
        _SCHEMA,
    ),
    of_processor(
        "what is said of a schema is short",
        "shell/vetting.py",
        "cleaned(str(refused), MAX_DETAIL)",
        "str(refused)",
        _SHORT,
    ),
    of_processor(
        "a schema that the library does not take is refused",
        "shell/vetting.py",
        "except Exception as error:",
        "except ZeroDivisionError as error:",
        "tests/unit/test_vetting.py::test_a_schema_that_the_library_does_not_take_is_refused",
    ),
)
VALUES: Final = (
    of_processor(
        "no branch counts from the end",
        "shell/vetting.py",
        'raise IndexError("a branch or a symbol is counted from the first")',
        "return super().__len__()",
        f"{_VALUE}test_a_branch_that_is_not_there_is_undecodable",
    ),
    of_processor(
        "no symbol counts from the end",
        "shell/vetting.py",
        'type_["symbols"] = _Counted(type_["symbols"])',
        "pass",
        f"{_VALUE}test_a_symbol_that_is_not_there_is_undecodable",
    ),
    of_processor(
        "a value is bounded",
        "shell/decoding.py",
        "if len(value) > self._max_value:",
        "if False:",
        f"{_VALUE}test_a_value_that_cannot_be_read_is_undecodable",
    ),
    of_processor(
        "an event has so many parts",
        "shell/decoding.py",
        'if len(datum["items"]) + len(datum["attributes"]) > MAX_PARTS:',
        "if False:",
        "tests/unit/test_hostile_schemas.py::"
        "test_more_parts_than_memory_is_meant_for_are_undecodable",
    ),
    of_processor(
        "arrays that nobody reads end with the bytes",
        "shell/decoding.py",
        "_Strict(value) if schema.passes_over_arrays else BytesIO(value",
        "BytesIO(value",
        f"{_VALUE}test_a_bomb_costs_no_more_than_its_bytes",
    ),
    of_processor(
        "what nobody reads ends before the bytes do",
        "shell/decoding.py",
        'else BytesIO(value + b"\\x00")',
        "else BytesIO(value)",
        f"{_VALUE}test_a_passed_over_field_that_ends_too_early_is_noticed",
    ),
    of_processor(
        "no bytes follow after a value",
        "shell/decoding.py",
        "if end < len(value):",
        "if False:",
        f"{_VALUE}test_a_value_that_cannot_be_read_is_undecodable",
    ),
    of_processor(
        "whatever the library raises is a bad value",
        "shell/decoding.py",
        "except Exception as error:",
        "except EOFError as error:",
        f"{_VALUE}test_a_value_that_cannot_be_read_is_undecodable",
    ),
    of_processor(
        "a price of many digits is not looked at",
        "shell/decoding.py",
        "if len(unscaled) > _MAX_PRICE_BYTES:",
        "if False:",
        f"{_VALUE}test_a_price_is_exact_or_infinite",
    ),
    of_processor(
        "a quantity has 32 bits",
        "shell/decoding.py",
        "if number not in _INT_RANGE:",
        "if False:",
        f"{_VALUE}test_a_quantity_beyond_32_bits_is_undecodable",
    ),
)
HOSTILE: Final = (*SCHEMAS, *VALUES)
