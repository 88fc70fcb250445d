package mds

import (
	"crypto/sha256"
	"slices"
	"time"

	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// Snapshot is the metadata in force at one moment. It never changes, and is safe for
// concurrent use. A nil or empty one knows no model.
type Snapshot struct{ lists []*List }

// List is what one source says. It is not to be changed.
type List struct {
	Source string
	Own    bool // statements of the operator's own: nothing below is set but the last two

	Number     uint64            // of the BLOB
	SHA256     [sha256.Size]byte // of its text
	NextUpdate time.Time         // the day, in UTC, by which the next one appears; zero if unsaid
	Accepted   time.Time         // when it was verified

	Entries  []*metadata.Entry
	Findings []metadata.Finding

	index *metadata.Index
	blob  *metadata.BLOB // nil with Own
}

// Found is what is known of one model.
type Found struct {
	Entry  *metadata.Entry
	Source string            // the name of the source that says it
	Own    bool              // it is the operator's own word
	Number uint64            // of the BLOB; zero with Own
	SHA256 [sha256.Size]byte // of the BLOB's text; zero with Own

	// Hidden is what sources of lower rank say of the same model, by their rank.
	Hidden []*Found
}

// newSnapshot ranks lists that stand in the order of the configuration.
func newSnapshot(lists []*List) *Snapshot {
	ranked := slices.Clone(lists)
	slices.SortStableFunc(ranked, func(a, b *List) int {
		switch {
		case a.Own == b.Own:
			return 0
		case a.Own:
			return -1
		default:
			return 1
		}
	})
	return &Snapshot{ranked}
}

// Lists returns what each source says, by rank. The result is not to be changed.
func (s *Snapshot) Lists() []*List {
	if s == nil {
		return nil
	}
	return s.lists
}

// ForAttestation returns what is known of the model that an attestation names: by its
// AAGUID, or, where that is zero, by its certificates. Nil if there is no entry. The
// AAGUID is a claim until the attestation is verified against the anchors of the very
// entry that it led to.
func (s *Snapshot) ForAttestation(a *webauthn.Attestation) *Found {
	if a == nil {
		return nil
	}
	return s.find(func(x *metadata.Index) *metadata.Entry { return x.ForAttestation(a) })
}

// ByAAGUID returns what is known of a FIDO2 model; nil if there is no entry. Zero names
// no model.
func (s *Snapshot) ByAAGUID(model webauthn.AAGUID) *Found {
	return s.find(func(x *metadata.Index) *metadata.Entry { return x.ByAAGUID(model) })
}

// ByAAID returns what is known of a UAF model, written vvvv#mmmm in either case; nil if
// there is no entry.
func (s *Snapshot) ByAAID(aaid string) *Found {
	return s.find(func(x *metadata.Index) *metadata.Entry { return x.ByAAID(aaid) })
}

// ByKeyIdentifier returns what is known of a U2F model; nil if there is no entry.
func (s *Snapshot) ByKeyIdentifier(key metadata.KeyIdentifier) *Found {
	return s.find(func(x *metadata.Index) *metadata.Entry { return x.ByKeyIdentifier(key) })
}

// Of returns what is known of the model of an entry; nil if there is no entry.
func (s *Snapshot) Of(e *metadata.Entry) *Found {
	return s.find(func(x *metadata.Index) *metadata.Entry {
		if found := x.ByAAGUID(e.AAGUID); found != nil {
			return found
		}
		if found := x.ByAAID(e.AAID); found != nil {
			return found
		}
		for _, key := range e.KeyIdentifiers {
			if found := x.ByKeyIdentifier(key); found != nil {
				return found
			}
		}
		return nil
	})
}

func (s *Snapshot) find(look func(*metadata.Index) *metadata.Entry) *Found {
	var first *Found
	for _, l := range s.Lists() {
		e := look(l.index)
		if e == nil {
			continue
		}
		f := &Found{Entry: e, Source: l.Source, Own: l.Own, Number: l.Number, SHA256: l.SHA256}
		if first == nil {
			first = f
		} else {
			first.Hidden = append(first.Hidden, f)
		}
	}
	return first
}

// Outdated reports whether the successor of the list is overdue: the day of NextUpdate
// is over, in UTC. A list of the operator's own never is.
func (l *List) Outdated(at time.Time) bool { return l.blob != nil && !l.blob.Current(at) }

// overdue is for how long the successor of the list has been overdue; zero if it is not.
func (l *List) overdue(at time.Time) time.Duration {
	if !l.Outdated(at) {
		return 0
	}
	return at.Sub(l.NextUpdate.AddDate(0, 0, 1))
}

func ownList(source string, own *Own) *List {
	return &List{Source: source, Own: true, Entries: own.Entries, Findings: own.Findings, index: own.index}
}

func blobList(source string, b *metadata.BLOB, accepted time.Time) *List {
	return &List{
		Source: source, Number: b.Number, SHA256: b.SHA256, NextUpdate: b.NextUpdate, Accepted: accepted,
		Entries: b.Entries, Findings: b.Findings, index: &b.Index, blob: b,
	}
}
