"""Encodes saasgen.v1.ScanRequest by hand. The tests then need no generated code."""


def varint(value):
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def scan_request(table, first_id, last_id):
    """A serialized saasgen.v1.ScanRequest, as in the tickets that the server makes."""
    return b"\x0a" + bytes([len(table)]) + table + b"\x28" + varint(first_id) + b"\x30" + varint(last_id)
