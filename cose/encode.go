package cose

import (
	"encoding/binary"

	"bestow.dev/internal/strictcbor"
)

// appendHead appends the head of a data item in its shortest form (RFC 8949 §3).
func appendHead(b []byte, kind strictcbor.Kind, argument uint64) []byte {
	major := byte(kind) << 5
	switch {
	case argument < 24:
		return append(b, major|byte(argument))
	case argument < 1<<8:
		return append(b, major|24, byte(argument))
	case argument < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(argument))
	case argument < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(argument))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), argument)
	}
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, strictcbor.Nint, uint64(-1-n))
	}
	return appendHead(b, strictcbor.Uint, uint64(n))
}

func appendBytes(b, content []byte) []byte {
	return append(appendHead(b, strictcbor.Bytes, uint64(len(content))), content...)
}
