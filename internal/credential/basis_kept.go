package credential

import (
	"sync"

	"bestow.dev/metadata"
)

// maxKeptBases bounds the memory of what is stored already. Each takes some 150 bytes.
const maxKeptBases = 10_000

// keptBases remembers which parts of bases are known to be stored, so that one is not
// written again with each registration. It is safe for concurrent use.
type keptBases struct {
	mu    sync.Mutex
	known map[keptBasis]struct{}
}

type keptBasis struct{ tenant, hash string }

func (k *keptBases) has(tenantName string, ref BasisRef) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.known[keptBasis{tenantName, ref.Hash}]
	return ok
}

func (k *keptBases) add(tenantName string, parts []BasisPart) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known)+len(parts) > maxKeptBases {
		k.known = make(map[keptBasis]struct{}, len(parts)) // forgotten, not lost: they are written again
	}
	for _, p := range parts {
		k.known[keptBasis{tenantName, p.Hash}] = struct{}{}
	}
}

// maxModelParts bounds the memory of models, of which some dozen are in use at a time.
// Each takes up to 100 KiB, for its icon.
const maxModelParts = 256

// modelParts remembers models in the form in which they are kept, so that a large entry
// is not hashed with each registration. It is safe for concurrent use.
type modelParts struct {
	mu    sync.Mutex
	known map[modelKey]BasisPart
}

// modelKey tells models apart. Entries are never changed, and a newer list has others.
type modelKey struct {
	entry  *metadata.Entry
	source string
	number uint64
}

// part returns the part of a basis that is m.
func (k *modelParts) part(m Model) (BasisPart, error) {
	key := modelKey{m.Entry, m.Source, m.Number}
	k.mu.Lock()
	defer k.mu.Unlock()
	if part, ok := k.known[key]; ok {
		return part, nil
	}
	part, err := basisJSON(BasisModel, modelBasis{m.Source, m.Number, m.Entry.Raw})
	if err != nil {
		return BasisPart{}, err
	}
	if k.known == nil || len(k.known) >= maxModelParts {
		k.known = make(map[modelKey]BasisPart)
	}
	k.known[key] = part
	return part, nil
}
