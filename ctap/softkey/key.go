package softkey

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"bestow.dev/ctap"
)

// Config says what a key is like. UserPresence and Now are required.
type Config struct {
	// Passphrase seals the state of a new key. [Open] takes its own and does not look
	// at this one. Empty: the key lives in memory only and cannot be sealed.
	Passphrase []byte
	// Cost is what a guess at the passphrase costs; see there for the zero value. An
	// opened key keeps the cost it was made with.
	Cost Cost
	// Save is given the sealed state each time it changes, and has to make it durable
	// before it returns: no answer tells of a change that is not saved. If it fails,
	// the change did not happen and the exchange ends with its error. It must not call
	// the key. Nil: the caller takes [Key.Seal] when it sees fit, and a crash loses
	// what came after.
	Save func(sealed []byte) error
	// UserPresence asks the person for a touch. Nil as its answer is one; an error
	// that is [context.DeadlineExceeded] says that nobody came, any other that the
	// person declined. It should return soon after ctx ends, and must not call the key.
	UserPresence func(ctx context.Context, r Request) error
	// Now tells the time, for the windows and timers of CTAP.
	Now func() time.Time

	// Attestation is how new credentials are attested. Empty: [AttestPacked].
	Attestation Attestation
	// Algorithms are the COSE algorithms on offer, of those that the constants name,
	// the preferred one first. Empty: all of them.
	Algorithms []int64
	// Capacity is how many discoverable credentials there is room for, 1000 at most.
	// Zero: 50.
	Capacity int
	// MinPINLength is the least number of code points in a PIN, 4 to 63. Zero: 4.
	MinPINLength int
	// AlwaysUV makes the key want its user verified for everything.
	AlwaysUV bool
	// RequireUVToCreate makes a key that has a PIN want it for every new credential,
	// and not only for discoverable ones (option makeCredUvNotRqd: false).
	RequireUVToCreate bool
	// Product is the name in the descriptor. Empty: "Bestow Software Key".
	Product string
}

// Request says what a touch is asked for.
type Request struct {
	Command ctap.Command
	// RPID and UserName are for whom; empty where the command has neither.
	RPID, UserName string
}

// AlwaysPresent is a Config.UserPresence that touches at once.
func AlwaysPresent(context.Context, Request) error { return nil }

const (
	defaultCapacity     = 50
	maxCapacity         = 1000
	defaultMinPINLength = 4
	maxPINBytes         = 63
	defaultProduct      = "Bestow Software Key"
)

// withDefaults returns c with every zero replaced by what it stands for.
func (c Config) withDefaults() (Config, error) {
	if c.UserPresence == nil || c.Now == nil {
		return c, errors.New("softkey: UserPresence and Now are required")
	}
	at, err := attesterFor(c.Attestation)
	if err != nil {
		return c, err
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = algorithms
	}
	for _, alg := range c.Algorithms {
		if !slices.Contains(algorithms, alg) {
			return c, fmt.Errorf("softkey: algorithm %d is not supported", alg)
		}
	}
	if only := at.algorithms(); only != nil {
		c.Algorithms = only
	}
	c.Cost = c.Cost.orDefault()
	c.Capacity = orDefault(c.Capacity, defaultCapacity)
	c.MinPINLength = orDefault(c.MinPINLength, defaultMinPINLength)
	if c.Product == "" {
		c.Product = defaultProduct
	}
	if c.Capacity < 0 || c.Capacity > maxCapacity || c.MinPINLength < defaultMinPINLength || c.MinPINLength > maxPINBytes {
		return c, errors.New("softkey: Capacity or MinPINLength is out of range")
	}
	return c, nil
}

func orDefault(n, zero int) int {
	if n == 0 {
		return zero
	}
	return n
}

// Key is a software authenticator. It is a [ctap.Device].
type Key struct {
	config   Config
	attester attester
	sealer   *sealer // nil: memory only

	// turn holds one token; who has it may use what is below. It is a mutex that a
	// waiting exchange can leave when its context ends.
	turn   chan struct{}
	closed bool
	state  *state
	power  power
	forge  Forge
}

var _ ctap.Device = (*Key)(nil)

// New makes a key as it leaves the factory, with attestation keys of its own, saves
// it and switches it on.
//
// It returns an error if c is incomplete or wrong, or if it could not be saved.
func New(c Config) (*Key, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Save != nil && len(c.Passphrase) == 0 {
		return nil, errors.New("softkey: a key that is to be saved needs a passphrase")
	}
	var s *sealer
	if len(c.Passphrase) > 0 {
		if s, err = newSealer(c.Passphrase, c.Cost); err != nil {
			return nil, err
		}
	}
	attestation, err := newIssuer(c.Now())
	if err != nil {
		return nil, fmt.Errorf("softkey: make attestation: %w", err)
	}
	k := newKey(c, s)
	made := newState(attestation)
	if err := k.commit(&made); err != nil {
		return nil, err
	}
	return k, nil
}

// Open opens a sealed key and switches it on. Deriving the sealing key takes as long
// as its cost says; sealing again does not.
//
// Errors: [ErrPassphrase], [ErrSealed], or what is wrong with c.
func Open(sealed, passphrase []byte, c Config) (*Key, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := openSealer(sealed, passphrase)
	if err != nil {
		return nil, err
	}
	plain, err := s.open(sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	k := newKey(c, s)
	if k.state, err = decodeState(plain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return k, nil
}

func newKey(c Config, s *sealer) *Key {
	at, _ := attesterFor(c.Attestation) // withDefaults has looked
	c.Passphrase = nil
	k := &Key{config: c, attester: at, sealer: s, turn: make(chan struct{}, 1)}
	k.power = switchOn(c.Now())
	k.turn <- struct{}{}
	return k
}

// acquire waits for the key's turn; release gives it back.
func (k *Key) acquire() { <-k.turn }
func (k *Key) release() { k.turn <- struct{}{} }

// commit saves next and puts it in force.
func (k *Key) commit(next *state) error {
	if k.config.Save != nil {
		sealed, err := k.seal(next)
		if err != nil {
			return err
		}
		if err := k.config.Save(sealed); err != nil {
			return fmt.Errorf("softkey: save state: %w", err)
		}
	}
	k.state = next
	return nil
}

func (k *Key) seal(s *state) ([]byte, error) {
	plain, err := s.encode()
	if err != nil {
		return nil, fmt.Errorf("softkey: encode state: %w", err)
	}
	defer clear(plain)
	return k.sealer.seal(plain)
}

// Seal returns the state as it is now, for [Open].
//
// It returns an error for a key that was made without a passphrase.
func (k *Key) Seal() ([]byte, error) {
	if k.sealer == nil {
		return nil, errors.New("softkey: the key has no passphrase")
	}
	k.acquire()
	defer k.release()
	return k.seal(k.state)
}

// PowerCycle takes the key out and puts it back: tokens end, three wrong PINs in a
// row are forgiven, and a reset is possible for a while. It waits for an exchange
// that is under way.
func (k *Key) PowerCycle() {
	k.acquire()
	defer k.release()
	k.power = switchOn(k.config.Now())
}

// Forge has the key spoil its answers from now on; the zero value ends that.
func (k *Key) Forge(f Forge) {
	k.acquire()
	defer k.release()
	k.forge = f
}

// RequirePINChange makes the PIN worthless until it is changed, as an issuer does
// before it hands out a key whose PIN it knows (forcePINChange).
//
// It returns an error if the change could not be saved.
func (k *Key) RequirePINChange() error {
	k.acquire()
	defer k.release()
	next := k.state.copy()
	next.ForcePINChange = true
	return k.commit(next)
}

// AttestationRoot returns the root of this key's attestation certificate, for those
// who choose to trust a software key.
func (k *Key) AttestationRoot() *x509.Certificate {
	k.acquire()
	defer k.release()
	root, err := x509.ParseCertificate(k.state.Attestation.RootCert)
	if err != nil {
		panic("softkey: attestation root: " + err.Error()) // it was parsed when it was loaded
	}
	return root
}

// Describe implements [ctap.Device]. The key passes for one on USB, the transport of
// the security keys it stands in for.
func (k *Key) Describe() ctap.Descriptor {
	return ctap.Descriptor{Product: k.config.Product, Transport: ctap.TransportUSB, Path: "softkey"}
}

// ErrClosed is returned by Exchange after Close.
var ErrClosed = errors.New("softkey: closed")

// Close implements [ctap.Device]. It waits for an exchange that is under way.
func (k *Key) Close() error {
	k.acquire()
	defer k.release()
	k.closed = true
	return nil
}
