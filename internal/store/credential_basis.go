package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"slices"

	"bestow.dev/internal/credential"
)

// KeepBasis implements [credential.CredentialStore].
func (db *DB) KeepBasis(ctx context.Context, tenant string, parts []credential.BasisPart) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const keep = `INSERT INTO judgement_basis (tenant, hash, kind, body) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant, hash) DO NOTHING`
		// In one order, so that of two that store the same none waits for the other.
		inOrder := slices.SortedFunc(slices.Values(parts), func(a, b credential.BasisPart) int { return cmp.Compare(a.Hash, b.Hash) })
		for _, p := range inOrder {
			hash, err := hex.DecodeString(p.Hash)
			if err != nil {
				return err
			}
			if _, err := q.Exec(ctx, keep, tenant, hash, p.Kind, orEmpty(p.Body)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Basis implements [credential.CredentialStore].
func (db *DB) Basis(ctx context.Context, tenant string, refs []credential.BasisRef) (parts []credential.BasisPart, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		parts = nil
		for _, ref := range refs {
			hash, err := hex.DecodeString(ref.Hash)
			if err != nil {
				return err
			}
			rows, err := q.Query(ctx, "SELECT body FROM judgement_basis WHERE tenant = $1 AND hash = $2 AND kind = $3", tenant, hash, ref.Kind)
			found, err := collect(rows, err, func(rows *sql.Rows) (credential.BasisPart, error) {
				p := credential.BasisPart{BasisRef: ref}
				return p, rows.Scan(&p.Body)
			})
			if err != nil {
				return err
			}
			parts = append(parts, found...)
		}
		return nil
	})
	return parts, err
}
