package ctap

import (
	"crypto/sha256"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// CheckPIN reports whether pin may be a PIN of at least minLength code points (CTAP
// 2.1 §6.5.1): valid UTF-8 that, in normal form C, has no more than 63 bytes and
// does not end in a zero byte. minLength below 4 counts as 4.
//
// The error is [ErrPINLength]; it never quotes the PIN.
func CheckPIN(pin []byte, minLength int) error {
	normal, err := normalPIN(pin, minLength)
	clear(normal)
	return err
}

// normalPIN returns a copy of pin in normal form C, which the caller clears.
func normalPIN(pin []byte, minLength int) ([]byte, error) {
	if len(pin) > 4*maxPINBytes || !utf8.Valid(pin) {
		return nil, ErrPINLength
	}
	// Append, and not Bytes: that one returns its argument where nothing changes.
	// Normal form C is at most three times as long, so nothing is left behind in a
	// smaller buffer.
	normal := norm.NFC.Append(make([]byte, 0, 3*len(pin)), pin...)
	fits := len(normal) <= maxPINBytes &&
		utf8.RuneCount(normal) >= max(minLength, defaultMinPINLength) &&
		normal[len(normal)-1] != 0
	if !fits {
		clear(normal)
		return nil, ErrPINLength
	}
	return normal, nil
}

// paddedPIN returns a normalised PIN with zero bytes up to 64, and clears normal.
func paddedPIN(normal []byte) []byte {
	padded := make([]byte, 64)
	copy(padded, normal)
	clear(normal)
	return padded
}

// pinHash returns LEFT(SHA-256(pin), 16), which is what keys compare. The caller
// clears it.
func pinHash(normal []byte) []byte {
	sum := sha256.Sum256(normal)
	hash := make([]byte, 16)
	copy(hash, sum[:])
	clear(sum[:])
	return hash
}
