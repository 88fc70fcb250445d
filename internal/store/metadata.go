package store

import (
	"context"
	"database/sql"
	"errors"

	"bestow.dev/internal/mds"
)

// metadataStore is a database as package mds sees it. It has a type of its own because
// that package's words, such as claim, mean other things elsewhere.
type metadataStore struct{ db *DB }

var _ mds.Store = metadataStore{}

// Metadata returns the database as the store of package mds.
func (db *DB) Metadata() mds.Store { return metadataStore{db} }

// Records implements [mds.Store].
func (m metadataStore) Records(ctx context.Context) ([]mds.Record, error) {
	const text = `SELECT source, version, number, sha256, next_update_ms, accepted_ms, checked_ms,
		place, etag, last_modified, next_ms, tries, failed_ms, failure_code, failure
		FROM metadata_source ORDER BY source`
	var all []mds.Record
	err := m.db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text)
		all, err = collect(rows, err, scanRecord)
		return err
	})
	return all, err
}

func scanRecord(rows *sql.Rows) (mds.Record, error) {
	var (
		r      mds.Record
		number int64
		sum    []byte
	)
	err := rows.Scan(&r.Source, &r.Version, &number, &sum, scanMS(&r.NextUpdate), scanMS(&r.Accepted), scanMS(&r.Checked),
		&r.Validators.Place, &r.Validators.ETag, &r.Validators.LastModified,
		scanMS(&r.Next), &r.Tries, scanMS(&r.Failure.At), &r.Failure.Code, &r.Failure.Public)
	if err != nil {
		return mds.Record{}, err
	}
	r.Number = uint64(number)
	if sum != nil {
		r.SHA256, err = digest(sum)
	}
	if r.Tries > 0 {
		r.Failure.Next = r.Next
	}
	return r, err
}

// Add implements [mds.Store].
func (m metadataStore) Add(ctx context.Context, sources []string) error {
	const insert = `INSERT INTO metadata_source (source, version, number, next_update_ms, accepted_ms, checked_ms,
		place, etag, last_modified, next_ms, claim, tries, failed_ms, failure_code, failure)
		VALUES ($1, 0, 0, 0, 0, 0, '', '', '', 0, 0, 0, 0, '', '') ON CONFLICT (source) DO NOTHING`
	return m.db.write(ctx, func(ctx context.Context, q tx) error {
		for _, source := range sources {
			if _, err := q.Exec(ctx, insert, source); err != nil {
				return err
			}
		}
		return nil
	})
}

// Material implements [mds.Store].
func (m metadataStore) Material(ctx context.Context, source string) (*mds.Material, error) {
	const one = `SELECT s.version, s.accepted_ms, b.text, b.chain, b.crls, b.changes
		FROM metadata_source s JOIN metadata_blob b ON b.source = s.source WHERE s.source = $1`
	var found mds.Material
	err := m.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, one, source).Scan(&found.Version, scanMS(&found.Accepted),
			&found.Text, scanJSON(&found.Chain), scanJSON(&found.CRLs), scanJSON(&found.Changes))
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, mds.ErrNone
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// Claim implements [mds.Store].
func (m metadataStore) Claim(ctx context.Context, query mds.ClaimQuery) (c mds.Claim, ok bool, err error) {
	const claim = `UPDATE metadata_source SET claim = claim + 1, next_ms = $3
		WHERE source = $1 AND (next_ms <= $2 OR $4) RETURNING claim`
	err = m.db.write(ctx, func(ctx context.Context, q tx) error {
		c, ok = mds.Claim{Source: query.Source}, false
		err := q.QueryRow(ctx, claim, query.Source, ms(query.At), ms(query.At.Add(query.Lease)), query.Now).Scan(&c.Number)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	return c, ok, err
}

// Accept implements [mds.Store].
func (m metadataStore) Accept(ctx context.Context, c mds.Claim, a mds.Acceptance) (ok bool, err error) {
	const (
		state = `UPDATE metadata_source SET version = version + 1, number = $3, sha256 = $4, next_update_ms = $5,
			accepted_ms = $6, checked_ms = $6, place = $7, etag = $8, last_modified = $9,
			next_ms = $10, tries = 0 WHERE source = $1 AND claim = $2`
		text = `INSERT INTO metadata_blob (source, text, chain, crls, changes) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (source) DO UPDATE SET text = excluded.text, chain = excluded.chain, crls = excluded.crls,
			changes = excluded.changes`
	)
	v := a.Validators
	err = m.db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, state, c.Source, c.Number, int64(a.Number), a.SHA256[:], ms(a.NextUpdate),
			ms(a.At), v.Place, v.ETag, v.LastModified, ms(a.Next))
		if ok = n > 0; err != nil || !ok {
			return err
		}
		if _, err := q.Exec(ctx, text, c.Source, a.Text, asJSON(a.Chain), asJSON(a.CRLs), asJSON(a.Changes)); err != nil {
			return err
		}
		return appendAudit(ctx, q, a.Events...)
	})
	return ok && err == nil, err
}

// Keep implements [mds.Store].
func (m metadataStore) Keep(ctx context.Context, c mds.Claim, k mds.Kept) error {
	const keep = `UPDATE metadata_source SET checked_ms = $3, place = $4, etag = $5, last_modified = $6, next_ms = $7, tries = 0
		WHERE source = $1 AND claim = $2`
	v := k.Validators
	return m.change(ctx, keep, c.Source, c.Number, ms(k.At), v.Place, v.ETag, v.LastModified, ms(k.Next))
}

// Fail implements [mds.Store].
func (m metadataStore) Fail(ctx context.Context, c mds.Claim, f mds.Failure) error {
	const fail = `UPDATE metadata_source SET tries = tries + 1, failed_ms = $3, next_ms = $4, failure_code = $5, failure = $6
		WHERE source = $1 AND claim = $2`
	return m.change(ctx, fail, c.Source, c.Number, ms(f.At), ms(f.Next), f.Code, f.Public)
}

func (m metadataStore) change(ctx context.Context, text string, args ...any) error {
	return m.db.write(ctx, func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, text, args...)
		return err
	})
}
