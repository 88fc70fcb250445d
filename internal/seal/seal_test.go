package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"bestow.dev/internal/seal"
)

const place = "acme/connection/da"

func sealed(t testing.TB, k *seal.Key, secret string) []byte {
	t.Helper()
	out, err := k.Seal([]byte(secret), place)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOpen(t *testing.T) {
	key := seal.NewKey()
	tests := []struct {
		name  string
		spoil func(k *seal.Key, sealed []byte, place string) (*seal.Key, []byte, string)
		want  error
	}{
		{"untouched", func(k *seal.Key, b []byte, p string) (*seal.Key, []byte, string) { return k, b, p }, nil},
		{"another key", func(_ *seal.Key, b []byte, p string) (*seal.Key, []byte, string) { return seal.NewKey(), b, p }, seal.ErrOtherKey},
		{"another place", func(k *seal.Key, b []byte, _ string) (*seal.Key, []byte, string) { return k, b, "globex/connection/da" }, seal.ErrAltered},
		{"another version", func(k *seal.Key, b []byte, p string) (*seal.Key, []byte, string) { b[0] = 2; return k, b, p }, seal.ErrAltered},
		{"another nonce", func(k *seal.Key, b []byte, p string) (*seal.Key, []byte, string) { b[6] ^= 1; return k, b, p }, seal.ErrAltered},
		{"another text", func(k *seal.Key, b []byte, p string) (*seal.Key, []byte, string) { b[len(b)-20] ^= 1; return k, b, p }, seal.ErrAltered},
		{"cut", func(k *seal.Key, b []byte, p string) (*seal.Key, []byte, string) { return k, b[:len(b)-1], p }, seal.ErrAltered},
		{"no text", func(k *seal.Key, b []byte, p string) (*seal.Key, []byte, string) { return k, b[:29], p }, seal.ErrAltered},
		{"nothing", func(k *seal.Key, _ []byte, p string) (*seal.Key, []byte, string) { return k, nil, p }, seal.ErrAltered},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			k, b, p := c.spoil(key, sealed(t, key, "a client secret"), place)
			got, err := k.Open(b, p)
			if !errors.Is(err, c.want) || (err == nil) != (string(got) == "a client secret") || err != nil && got != nil {
				t.Errorf("got %q, %v, want error %v", got, err, c.want)
			}
		})
	}
}

func TestKeyAsText(t *testing.T) {
	key := seal.NewKey()
	again, err := seal.ParseKey(append([]byte("\n "), key.Text()...))
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Open(sealed(t, key, "x"), place)
	if err != nil || string(got) != "x" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range [][]byte{nil, []byte("short"), key.Text()[:40], append(key.Text()[:43], "AAAA"...), bytes.Repeat([]byte("="), 43)} {
		if k, err := seal.ParseKey(bad); !errors.Is(err, seal.ErrKey) || k != nil {
			t.Errorf("%q is taken for a key: %v", bad, err)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, key); bytes.Contains([]byte(text), bytes.TrimSpace(key.Text())) || text != "seal key" {
			t.Errorf("%s shows %q", verb, text)
		}
	}
}

func TestSealing(t *testing.T) {
	key := seal.NewKey()
	if a, b := sealed(t, key, "same"), sealed(t, key, "same"); bytes.Equal(a, b) || bytes.Contains(a, []byte("same")) {
		t.Error("what is sealed can be recognised")
	}
	if _, err := key.Seal(make([]byte, seal.MaxBytes+1), place); !errors.Is(err, seal.ErrTooLarge) {
		t.Errorf("too large a secret: %v", err)
	}
	whole, err := key.Seal(make([]byte, seal.MaxBytes), place)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Open(whole, place); err != nil || len(got) != seal.MaxBytes {
		t.Errorf("the largest secret: %d bytes, %v", len(got), err)
	}
}

func FuzzOpen(f *testing.F) {
	key := seal.NewKey()
	f.Add(sealed(f, key, "a client secret"), place)
	f.Add(sealed(f, key, ""), place)
	f.Fuzz(func(t *testing.T, b []byte, p string) {
		if got, err := key.Open(b, p); err != nil && got != nil {
			t.Errorf("%q with %v", got, err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(seal.NewKey().Text())
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := seal.ParseKey(text)
		if (k == nil) != (err != nil) {
			t.Errorf("%v with %v", k, err)
		}
		if err == nil && !bytes.Equal(bytes.TrimSpace(k.Text()), bytes.TrimSpace(text)) {
			t.Error("a key has two spellings")
		}
	})
}
