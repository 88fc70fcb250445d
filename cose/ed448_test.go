package cose_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"testing"

	"bestow.dev/cose"
)

func TestParseEd448(t *testing.T) {
	little := func(n *big.Int) []byte {
		b := n.FillBytes(make([]byte, 57))
		slices.Reverse(b)
		return b
	}
	p := new(big.Int).Lsh(big.NewInt(1), 448)
	p.Sub(p, new(big.Int).Lsh(big.NewInt(1), 224)).Sub(p, big.NewInt(1))
	plus := func(n int64) []byte { return little(new(big.Int).Add(p, big.NewInt(n))) }
	signed := func(b []byte) []byte { b[56] |= 0x80; return b }
	// The lowest y above 1 that a point has, and the lowest that none has.
	const onCurve, offCurve = 3, 2

	tests := []struct {
		name  string
		spoil func(m members)
		want  cose.KeyReason
	}{
		{"untouched", func(members) {}, ""},
		{"other sign", func(m members) { m[two].([]byte)[56] ^= 0x80 }, ""},
		{"small y", func(m members) { m[two] = little(big.NewInt(onCurve)) }, ""},

		{"no crv", func(m members) { delete(m, one) }, cose.KeyParameters},
		{"no x", func(m members) { delete(m, two) }, cose.KeyParameters},
		{"a y", func(m members) { m[three] = make([]byte, 57) }, cose.KeyParameters},
		{"private part", func(m members) { m[four] = make([]byte, 57) }, cose.KeyParameters},
		{"x as text", func(m members) { m[two] = "x" }, cose.KeyParameters},
		{"kty EC2", func(m members) { m[kty] = 2 }, cose.KeyMismatch},
		{"kty AKP", func(m members) { m[kty] = 7 }, cose.KeyMismatch},
		{"alg EdDSA", func(m members) { m[alg] = -8 }, cose.KeyMismatch},
		{"alg Ed25519", func(m members) { m[alg] = -19 }, cose.KeyMismatch},
		{"alg ES256K", func(m members) { m[alg] = -47 }, cose.KeyMismatch},
		{"crv X448", func(m members) { m[one] = 5 }, cose.KeyMismatch},
		{"crv Ed25519", func(m members) { m[one] = 6 }, cose.KeyMismatch},
		{"x short", func(m members) { m[two] = m[two].([]byte)[:56] }, cose.KeyValue},
		{"x long", func(m members) { m[two] = append(m[two].([]byte), 0) }, cose.KeyValue},
		{"x empty", func(m members) { m[two] = []byte{} }, cose.KeyValue},
		{"x of Ed25519", func(m members) { m[two] = good(t, cose.EdDSA)[two] }, cose.KeyValue},

		{"off the curve", func(m members) { m[two] = little(big.NewInt(offCurve)) }, cose.KeyValue},
		{"order 1", func(m members) { m[two] = little(big.NewInt(1)) }, cose.KeyValue},
		{"order 1, sign of zero", func(m members) { m[two] = signed(little(big.NewInt(1))) }, cose.KeyValue},
		{"order 2", func(m members) { m[two] = plus(-1) }, cose.KeyValue},
		{"order 2, sign of zero", func(m members) { m[two] = signed(plus(-1)) }, cose.KeyValue},
		{"order 4", func(m members) { m[two] = make([]byte, 57) }, cose.KeyValue},
		{"order 4, other sign", func(m members) { m[two] = signed(make([]byte, 57)) }, cose.KeyValue},
		{"order 4, not canonical", func(m members) { m[two] = plus(0) }, cose.KeyValue},
		{"order 1, not canonical", func(m members) { m[two] = plus(1) }, cose.KeyValue},
		{"not canonical", func(m members) { m[two] = plus(onCurve) }, cose.KeyValue},
		{"a bit below the sign", func(m members) { m[two].([]byte)[56] |= 1 }, cose.KeyValue},
		{"all ones", func(m members) { m[two] = bytes.Repeat([]byte{0xff}, 57) }, cose.KeyValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := good(t, cose.Ed448)
			tt.spoil(m)
			key, err := cose.ParseKey(m.encode(t))
			wantRefusal(t, key, err, tt.want)
		})
	}
}

// The test vectors of RFC 8032 §7.4 with short messages, and §7.5 for what is not pure
// Ed448.
func TestRFC8032Ed448(t *testing.T) {
	tests := []struct {
		name                       string
		public, message, signature string
		ok                         bool
	}{
		{
			"blank",
			"5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180",
			"",
			"533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
			true,
		},
		{
			"1 octet",
			"43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
			"03",
			"26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00",
			true,
		},
		{
			"11 octets",
			"dcea9e78f35a1bf3499a831b10b86c90aac01cd84b67a0109b55a36e9328b1e365fce161d71ce7131a543ea4cb5f7e9f1d8b00696447001400",
			"0c3e544074ec63b0265e0c",
			"1f0a8888ce25e8d458a21130879b840a9089d999aaba039eaf3e3afa090a09d389dba82c4ff2ae8ac5cdfb7c55e94d5d961a29fe0109941e00b8dbdeea6d3b051068df7254c0cdc129cbe62db2dc957dbb47b51fd3f213fb8698f064774250a5028961c9bf8ffd973fe5d5c206492b140e00",
			true,
		},
		{
			"64 octets",
			"df9705f58edbab802c7f8363cfe5560ab1c6132c20a9f1dd163483a26f8ac53a39d6808bf4a1dfbd261b099bb03b3fb50906cb28bd8a081f00",
			"bd0f6a3747cd561bdddf4640a332461a4a30a12a434cd0bf40d766d9c6d458e5512204a30c17d1f50b5079631f64eb3112182da3005835461113718d1a5ef944",
			"554bc2480860b49eab8532d2a533b7d578ef473eeb58c98bb2d0e1ce488a98b18dfde9b9b90775e67f47d4a1c3482058efc9f40d2ca033a0801b63d45b3b722ef552bad3b4ccb667da350192b61c508cf7b6b5adadc2c8d9a446ef003fb05cba5f30e88e36ec2703b349ca229c2670833900",
			true,
		},
		{
			"1 octet, with context foo",
			"43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
			"03",
			"d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea000c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00",
			false,
		},
		{
			"Ed448ph of abc",
			"259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743c09428a131d6b1b57303d90d8132c276d5ed3d5d01c0f53880",
			"616263",
			"822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae381f54d6bce2ea911574932f52a4e6cadd78769375ec3ffd1b801a0d9b3f4030cd433964b6457ea39476511214f97469b57dd32dbc560a9a94d00bff07620464a3ad203df7dc7ce360c3cd3696d9d9fab90f00",
			false,
		},
	}
	decode := func(t *testing.T, digits string) []byte {
		t.Helper()
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := cose.NewKey(cose.Ed448, cose.Ed448PublicKey(decode(t, tt.public)))
			if err != nil {
				t.Fatal(err)
			}
			message, signature := decode(t, tt.message), decode(t, tt.signature)
			if !tt.ok {
				if err := key.Verify(message, signature); !errors.Is(err, cose.ErrSignature) {
					t.Errorf("Verify = %v, want ErrSignature", err)
				}
				return
			}
			if err := key.Verify(message, signature); err != nil {
				t.Error(err)
			}
			for i := range signature {
				spoilt := slices.Clone(signature)
				spoilt[i] ^= 0x80
				if err := key.Verify(message, spoilt); !errors.Is(err, cose.ErrSignature) {
					t.Errorf("a bit of byte %d flipped: %v, want ErrSignature", i, err)
				}
			}
		})
	}
}
