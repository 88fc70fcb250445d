package credential

import "sync"

// maxKeptBases bounds the memory of what is stored already. Each takes some 150 bytes.
const maxKeptBases = 10_000

// keptBases remembers which parts of bases are known to be stored, so that one is not
// written again with each registration. It is safe for concurrent use.
type keptBases struct {
	mu    sync.Mutex
	known map[keptBasis]struct{}
}

type keptBasis struct {
	tenant string
	ref    BasisRef
}

func (k *keptBases) has(tenantName string, ref BasisRef) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.known[keptBasis{tenantName, ref}]
	return ok
}

func (k *keptBases) add(tenantName string, parts []BasisPart) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known)+len(parts) > maxKeptBases {
		k.known = make(map[keptBasis]struct{}, len(parts)) // forgotten, not lost: they are written again
	}
	for _, p := range parts {
		k.known[keptBasis{tenantName, p.BasisRef}] = struct{}{}
	}
}
