package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

// basisPart is a part of a judgement's basis. To the store, a hash is a name.
func basisPart(kind credential.BasisKind, body string) credential.BasisPart {
	sum := sha256.Sum256([]byte(string(kind) + body))
	return credential.BasisPart{
		BasisRef: credential.BasisRef{Kind: kind, Hash: hex.EncodeToString(sum[:])}, Body: []byte(body),
	}
}

func refs(parts ...credential.BasisPart) []credential.BasisRef {
	list := make([]credential.BasisRef, len(parts))
	for i, p := range parts {
		list[i] = p.BasisRef
	}
	return list
}

func wantBasis(t *testing.T, db *store.DB, tenantName string, asked []credential.BasisRef, want ...credential.BasisPart) {
	t.Helper()
	got, err := db.Basis(t.Context(), tenantName, asked)
	check(t, err)
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func testBasis(t *testing.T, db *store.DB) {
	ctx := t.Context()
	a, b, empty := basisPart(credential.BasisSettings, "{}"), basisPart(credential.BasisAnchor, "\x00\xff"), basisPart(credential.BasisPolicy, "")
	check(t, db.KeepBasis(ctx, "acme", []credential.BasisPart{b, a, empty}))
	check(t, db.KeepBasis(ctx, "acme", nil))

	// In the order in which they are asked for, and as often, without those not there.
	never := basisPart(credential.BasisModel, "{}")
	wantBasis(t, db, "acme", refs(a, never, b, a), a, b, a)
	wantBasis(t, db, "acme", refs(empty), empty)
	wantBasis(t, db, "acme", nil)
	wantBasis(t, db, "beta", refs(a))
	otherKind := a.BasisRef
	otherKind.Kind = credential.BasisPolicy
	wantBasis(t, db, "acme", []credential.BasisRef{otherKind})

	// For whom a part counts stands at the reference.
	part := b.BasisRef
	part.For = "leaf"
	wantBasis(t, db, "acme", []credential.BasisRef{part}, credential.BasisPart{BasisRef: part, Body: b.Body})

	// What is there stays as it is, and does not keep others from being stored.
	changed := a
	changed.Body = []byte("changed")
	check(t, db.KeepBasis(ctx, "acme", []credential.BasisPart{changed, never}))
	wantBasis(t, db, "acme", refs(a, never), a, never)
	check(t, db.KeepBasis(ctx, "beta", []credential.BasisPart{changed}))
	wantBasis(t, db, "beta", refs(a), changed)

	if _, err := db.Basis(ctx, "acme", []credential.BasisRef{{Kind: credential.BasisAnchor, Hash: "not hexadecimal"}}); err == nil {
		t.Error("a name that is none was looked for")
	}
}

// It joins a transaction, and is gone with it.
func testBasisInTransaction(t *testing.T, db *store.DB) {
	a := basisPart(credential.BasisSettings, "{}")
	remembered := 0
	keep := func(ctx context.Context) {
		check(t, db.KeepBasis(ctx, "acme", []credential.BasisPart{a}))
		db.AfterCommit(ctx, func() { remembered++ })
		got, err := db.Basis(ctx, "acme", refs(a))
		if check(t, err); len(got) != 1 {
			t.Error("the transaction does not see what it stored")
		}
	}
	wantError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		keep(ctx)
		return errChange
	}), errChange)
	wantBasis(t, db, "acme", refs(a))
	if remembered != 0 {
		t.Error("what was rolled back is remembered")
	}
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		keep(ctx)
		return nil
	}))
	wantBasis(t, db, "acme", refs(a), a)
	if remembered != 1 {
		t.Errorf("what was committed is remembered %d times", remembered)
	}
}

// Of many who store the same in another order, none fails.
func testConcurrentBasis(t *testing.T, db *store.DB) {
	var parts []credential.BasisPart
	for i := range 8 {
		parts = append(parts, basisPart(credential.BasisModel, string(bytes.Repeat([]byte{'x'}, i))))
	}
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		mine := slices.Clone(parts)
		if i%2 == 1 {
			slices.Reverse(mine)
		}
		wg.Go(func() { errs[i] = db.KeepBasis(t.Context(), "acme", mine) })
	}
	wg.Wait()
	for _, err := range errs {
		check(t, err)
	}
	wantBasis(t, db, "acme", refs(parts...), parts...)
}
