package differential

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"bestow.dev/ctap/softkey"
)

// sorted returns the keys of m, so that every run tries the same in the same order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func decode(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

// spoil changes one bit, one byte or one piece of b.
func spoil(random *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return []byte{byte(random.Uint32())}
	}
	at, out := random.IntN(len(b)), slices.Clone(b)
	switch random.IntN(8) {
	case 0, 1, 2:
		out[at] ^= 1 << random.IntN(8)
	case 3, 4:
		out[at] = byte(random.Uint32())
	case 5:
		out = slices.Insert(out, at, byte(random.Uint32()))
	case 6:
		out = slices.Delete(out, at, at+1)
	case 7:
		out = out[:at]
	}
	return out
}

// everyByte are copies of a good ceremony with one byte after another of a member changed,
// and cut short at each of them, at a stride that makes about n.
func everyByte(good *ceremony, member string, n int) []*ceremony {
	var all []*ceremony
	whole := good.binary[member]
	stride := max(1, 2*len(whole)/n)
	add := func(name string, at int, value []byte) {
		c := good.clone()
		c.binary[member] = value
		c.name += fmt.Sprintf(", %s %s at byte %d", member, name, at)
		all = append(all, c)
	}
	for at := 0; at < len(whole); at += stride {
		changed := slices.Clone(whole)
		changed[at] ^= 1 << (at % 8)
		add("changed", at, changed)
		add("cut short", at, whole[:at])
	}
	return all
}

// mutations are n copies of a good ceremony, each with one piece spoiled, after it was
// signed.
func mutations(t testing.TB, random *rand.Rand, good *ceremony, n int) []*ceremony {
	t.Helper()
	var all []*ceremony
	names := sorted(good.binary)
	for i := range n {
		c := good.clone()
		if which := random.IntN(len(names) + 1); which < len(names) {
			c.binary[names[which]] = spoil(random, c.binary[names[which]])
			c.name += fmt.Sprintf(", %s spoiled (%d)", names[which], i)
		} else {
			c.raw = spoil(random, good.body(t))
			c.name += fmt.Sprintf(", text spoiled (%d)", i)
		}
		all = append(all, c)
	}
	return all
}

// signedMutations are made before the authenticator signs: whatever it is that was
// spoiled, the signature is good.
func signedMutations(t testing.TB, random *rand.Rand, a *authenticator, n int) []*ceremony {
	t.Helper()
	forge := softkey.Forge{AuthData: func(d *softkey.AuthData) {
		switch random.IntN(6) {
		case 0:
			d.Flags ^= 1 << random.IntN(8)
		case 1:
			d.Flags = byte(random.Uint32())
		case 2:
			d.SignCount = random.Uint32() >> random.IntN(32)
		case 3:
			d.Flags |= softkey.FlagExtensionData
			d.Extensions = spoil(random, []byte{0xa1, 0x6b, 'c', 'r', 'e', 'd', 'P', 'r', 'o', 't', 'e', 'c', 't', 2})
		default:
			if d.CredentialID == nil {
				d.Trailing = []byte{byte(random.Uint32())}
			} else {
				d.PublicKey = spoil(random, d.PublicKey)
			}
		}
	}}
	var all []*ceremony
	for i := range n {
		name := fmt.Sprintf("spoiled before it was signed (%d)", i)
		if i%3 > 0 {
			all = append(all, a.register(t, name, clientData("webauthn.create"), forge))
			continue
		}
		all = append(all, a.signIn(t, name, clientData("webauthn.get"), forge))
	}
	return all
}

// spoiledClientData is signed as well: the client's word, a piece of it changed.
func spoiledClientData(t testing.TB, random *rand.Rand, a *authenticator, n int) []*ceremony {
	t.Helper()
	var all []*ceremony
	for i := range n {
		name := fmt.Sprintf("client data spoiled before it was signed (%d)", i)
		all = append(all,
			a.register(t, name, spoil(random, clientData("webauthn.create")), softkey.Forge{}),
			a.signIn(t, name, spoil(random, clientData("webauthn.get")), softkey.Forge{}))
	}
	return all
}
