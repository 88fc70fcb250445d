package softkey

import (
	"bytes"
	"unicode/utf8"

	"bestow.dev/ctap"
)

// maxDepth is how deep maps and arrays may nest in a request (CTAP 2.1 §8).
const maxDepth = 4

// An item is one decoded CBOR item.
type item struct {
	major byte
	n     uint64 // of numbers; of majorOther: 20 false, 21 true, 22 null
	data  []byte // of byte and text strings
	list  []item // of arrays
	pairs []pair // of maps, in their canonical order
	raw   []byte // the item as it stood
}

type pair struct{ key, value item }

// decode reads one item of canonical CBOR, which must be all there is in data. What
// is not, is ctap.StatusInvalidCBOR.
func decode(data []byte) (item, error) {
	r := reader{rest: data}
	it, ok := r.item(0)
	if !ok || len(r.rest) > 0 {
		return item{}, ctap.StatusInvalidCBOR
	}
	return it, nil
}

type reader struct{ rest []byte }

func (r *reader) take(n uint64) ([]byte, bool) {
	if n > uint64(len(r.rest)) {
		return nil, false
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken, true
}

// head reads major type and number, and insists on the shortest form.
func (r *reader) head() (major byte, n uint64, ok bool) {
	first, ok := r.take(1)
	if !ok {
		return 0, 0, false
	}
	major, info := first[0]>>5, first[0]&0x1F
	if info < 24 {
		return major, uint64(info), true
	}
	if info > 27 || major == majorOther { // reserved, indefinite; simple values and floats
		return 0, 0, false
	}
	more, ok := r.take(1 << (info - 24))
	if !ok {
		return 0, 0, false
	}
	for _, b := range more {
		n = n<<8 | uint64(b)
	}
	least := [...]uint64{24, 1 << 8, 1 << 16, 1 << 32}
	return major, n, n >= least[info-24]
}

func (r *reader) item(depth int) (it item, ok bool) {
	start := r.rest
	major, n, ok := r.head()
	if !ok {
		return item{}, false
	}
	it = item{major: major, n: n}
	switch major {
	case majorUint, majorNeg:
	case majorBytes, majorText:
		if it.data, ok = r.take(n); !ok || major == majorText && !utf8.Valid(it.data) {
			return item{}, false
		}
	case majorArray:
		if it.list, ok = r.elements(n, depth+1); !ok {
			return item{}, false
		}
	case majorMap:
		if it.pairs, ok = r.entries(n, depth+1); !ok {
			return item{}, false
		}
	case majorOther:
		if n < 20 || n > 22 {
			return item{}, false
		}
	default: // tags do not occur in CTAP2
		return item{}, false
	}
	it.raw = start[:len(start)-len(r.rest)]
	return it, true
}

func (r *reader) elements(n uint64, depth int) ([]item, bool) {
	if depth > maxDepth || n > uint64(len(r.rest)) { // an element has a byte at least
		return nil, false
	}
	list := make([]item, 0, n)
	for range n {
		it, ok := r.item(depth)
		if !ok {
			return nil, false
		}
		list = append(list, it)
	}
	return list, true
}

// entries reads the pairs of a map, whose keys have to rise strictly: so they are
// sorted, and none is there twice.
func (r *reader) entries(n uint64, depth int) ([]pair, bool) {
	if depth > maxDepth || n > uint64(len(r.rest))/2 {
		return nil, false
	}
	pairs := make([]pair, 0, n)
	for i := range n {
		key, ok := r.item(depth)
		if !ok || i > 0 && bytes.Compare(pairs[i-1].key.raw, key.raw) >= 0 {
			return nil, false
		}
		value, ok := r.item(depth)
		if !ok {
			return nil, false
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, true
}

// params reads the members of a map and remembers the first status that speaks
// against it. A member that is absent reads as the zero value.
type params struct {
	pairs []pair
	err   error
}

// readParams reads the one map that a request consists of.
func readParams(data []byte) (*params, error) {
	if len(data) == 0 {
		return nil, ctap.StatusMissingParameter
	}
	it, err := decode(data)
	if err != nil {
		return nil, err
	}
	p := &params{}
	p.open(it)
	return p, p.err
}

func (p *params) open(it item) {
	if it.major != majorMap {
		p.fail(ctap.StatusCBORUnexpectedType)
		return
	}
	p.pairs = it.pairs
}

func (p *params) fail(status ctap.Status) {
	if p.err == nil {
		p.err = status
	}
}

// find returns the member with the given encoded key.
func (p *params) find(key []byte) (item, bool) {
	for _, pr := range p.pairs {
		if bytes.Equal(pr.key.raw, key) {
			return pr.value, true
		}
	}
	return item{}, false
}

// typed returns the member if it is of the given major type.
func (p *params) typed(key []byte, major byte) (item, bool) {
	it, ok := p.find(key)
	if ok && it.major != major {
		p.fail(ctap.StatusCBORUnexpectedType)
		return item{}, false
	}
	return it, ok
}

func (p *params) bytes(key []byte) ([]byte, bool) {
	it, ok := p.typed(key, majorBytes)
	return it.data, ok
}

func (p *params) text(key []byte) (string, bool) {
	it, ok := p.typed(key, majorText)
	return string(it.data), ok
}

func (p *params) uint(key []byte) (uint64, bool) {
	it, ok := p.typed(key, majorUint)
	return it.n, ok
}

// int reads a number of either sign. One beyond 63 bits reads as the largest.
func (p *params) int(key []byte) (int64, bool) {
	it, ok := p.find(key)
	if !ok {
		return 0, false
	}
	n := int64(min(it.n, 1<<63-1))
	switch it.major {
	case majorUint:
		return n, true
	case majorNeg:
		return -1 - n, true
	}
	p.fail(ctap.StatusCBORUnexpectedType)
	return 0, false
}

func (p *params) bool(key []byte) (on, ok bool) {
	it, ok := p.typed(key, majorOther)
	if ok && it.n != 20 && it.n != 21 {
		p.fail(ctap.StatusCBORUnexpectedType)
		return false, false
	}
	return it.n == 21, ok
}

// inner returns the map below key.
func (p *params) inner(key []byte) (*params, bool) {
	it, ok := p.typed(key, majorMap)
	if !ok {
		return &params{}, false
	}
	return &params{pairs: it.pairs}, true
}

// each returns the maps in the array below key. What speaks against one of them is
// for the caller to take.
func (p *params) each(key []byte) ([]*params, bool) {
	it, ok := p.typed(key, majorArray)
	if !ok {
		return nil, false
	}
	maps := make([]*params, len(it.list))
	for i, element := range it.list {
		maps[i] = &params{}
		maps[i].open(element)
	}
	return maps, true
}

// take makes what speaks against inner speak against p.
func (p *params) take(inner *params) {
	if p.err == nil {
		p.err = inner.err
	}
}

// need fails with MISSING_PARAMETER unless every key is there.
func (p *params) need(keys ...[]byte) {
	for _, key := range keys {
		if _, ok := p.find(key); !ok {
			p.fail(ctap.StatusMissingParameter)
		}
	}
}

// num and name make the encoded keys that members are found by.
func num(n int64) []byte      { return cborInt(n) }
func name(text string) []byte { return cborText(text) }
