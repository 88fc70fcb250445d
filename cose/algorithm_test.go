package cose_test

import (
	"crypto"
	"testing"

	"bestow.dev/cose"
)

var everySupported = []cose.Algorithm{
	cose.ES256, cose.ES384, cose.ES512, cose.ESP256, cose.ESP384, cose.ESP512, cose.EdDSA, cose.Ed25519,
	cose.RS256, cose.RS384, cose.RS512, cose.PS256, cose.PS384, cose.PS512,
	cose.ES256K, cose.Ed448, cose.MLDSA44, cose.MLDSA65, cose.MLDSA87,
}

func TestAlgorithm(t *testing.T) {
	tests := []struct {
		number    cose.Algorithm
		name      string
		supported bool
		canonical cose.Algorithm
		hash      crypto.Hash
	}{
		{-7, "ES256", true, -7, crypto.SHA256},
		{-8, "EdDSA", true, -8, 0},
		{-9, "ESP256", true, -7, crypto.SHA256},
		{-19, "Ed25519", true, -8, 0},
		{-35, "ES384", true, -35, crypto.SHA384},
		{-36, "ES512", true, -36, crypto.SHA512},
		{-37, "PS256", true, -37, crypto.SHA256},
		{-38, "PS384", true, -38, crypto.SHA384},
		{-39, "PS512", true, -39, crypto.SHA512},
		{-47, "ES256K", true, -47, crypto.SHA256},
		{-48, "ML-DSA-44", true, -48, 0},
		{-49, "ML-DSA-65", true, -49, 0},
		{-50, "ML-DSA-87", true, -50, 0},
		{-51, "ESP384", true, -35, crypto.SHA384},
		{-52, "ESP512", true, -36, crypto.SHA512},
		{-53, "Ed448", true, -53, 0},
		{-257, "RS256", true, -257, crypto.SHA256},
		{-258, "RS384", true, -258, crypto.SHA384},
		{-259, "RS512", true, -259, crypto.SHA512},
		{-65535, "RS1", false, -65535, crypto.SHA1},
		{0, "algorithm(0)", false, 0, 0},
		{-1000, "algorithm(-1000)", false, -1000, 0},
	}
	for _, tt := range tests {
		a := tt.number
		if a.String() != tt.name || a.Supported() != tt.supported || a.Canonical() != tt.canonical || a.Hash() != tt.hash {
			t.Errorf("%d: name %q, supported %v, canonical %d, hash %v; want %+v",
				int32(a), a.String(), a.Supported(), int32(a.Canonical()), a.Hash(), tt)
		}
	}
}
