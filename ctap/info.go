package ctap

import (
	"context"
	"math"
	"slices"
)

// Info is what a key says about itself (authenticatorGetInfo, CTAP 2.1 §6.4). It
// changes when a PIN is set or the key is configured or reset.
type Info struct {
	// Versions are the protocol versions, such as FIDO_2_0 and FIDO_2_1.
	Versions []string
	// Extensions are the extension identifiers the key processes.
	Extensions []string
	// AAGUID names the key's model.
	AAGUID [16]byte
	// Options are the option ids that the key reports, as it reports them. An absent
	// one has the default of its own, which the methods of Info know.
	Options map[string]bool
	// MaxMsgSize is the largest message in bytes; 1024 where the key does not say.
	MaxMsgSize int
	// PINProtocols are the PIN/UV protocols, the preferred one first.
	PINProtocols []PINProtocol
	// MaxCredentialCountInList is how many descriptors a list may hold; 0: not said.
	MaxCredentialCountInList int
	// MaxCredentialIDLength is the longest credential id in bytes; 0: not said.
	MaxCredentialIDLength int
	// Transports are those the key says it has, beside the one it is on.
	Transports []Transport
	// Algorithms are the COSE algorithms, the preferred one first; empty: not said.
	Algorithms []int64
	// ForcePINChange: the PIN has to be changed before it is good for a token.
	ForcePINChange bool
	// MinPINLength is the least number of code points in a PIN; 4 where the key does
	// not say.
	MinPINLength int
	// MaxPINLength is the greatest number of code points; 63 where the key does not say.
	MaxPINLength int
	// FirmwareVersion is the vendor's number; 0: not said.
	FirmwareVersion uint64
	// PreferredUVAttempts is how often built-in verification should be tried before
	// the PIN is asked for; 1 where the key does not say.
	PreferredUVAttempts int
	// RemainingDiscoverable estimates how many discoverable credentials fit; -1: not said.
	RemainingDiscoverable int
	// AttestationFormats are those the key makes (2.2); empty: not said.
	AttestationFormats []string
}

// Defaults of CTAP 2.1 §6.4 for what a key does not say.
const (
	defaultMaxMsgSize   = 1024
	defaultMinPINLength = 4
	maxPINBytes         = 63
)

// GetInfo asks a key about itself (command 04).
//
// Errors: a [*StatusError], [ErrAnswer], or the device's own.
func GetInfo(ctx context.Context, dev Device) (*Info, error) {
	body, err := call(ctx, dev, CommandGetInfo, nil, nil)
	if err != nil {
		return nil, err
	}
	return parseInfo(body)
}

func parseInfo(body []byte) (*Info, error) {
	f, err := parse(CommandGetInfo, body)
	if err != nil {
		return nil, err
	}
	f.need(0x01, 0x03)
	info := &Info{
		Versions:                 list[string](f, int64(0x01)),
		Extensions:               list[string](f, int64(0x02)),
		Options:                  texts[bool](f, int64(0x04)),
		MaxMsgSize:               f.orDefault(0x05, defaultMaxMsgSize),
		MaxCredentialCountInList: int(f.number(int64(0x07), math.MaxInt32)),
		MaxCredentialIDLength:    int(f.number(int64(0x08), math.MaxInt32)),
		ForcePINChange:           member[bool](f, int64(0x0C)),
		MinPINLength:             f.orDefault(0x0D, defaultMinPINLength),
		MaxPINLength:             f.orDefault(0x1D, maxPINBytes),
		FirmwareVersion:          uint64(f.number(int64(0x0E), math.MaxInt64)),
		PreferredUVAttempts:      f.orDefault(0x11, 1),
		RemainingDiscoverable:    f.orDefault(0x14, -1),
		AttestationFormats:       list[string](f, int64(0x16)),
	}
	info.readAAGUID(f)
	for _, p := range list[int64](f, int64(0x06)) {
		info.PINProtocols = append(info.PINProtocols, PINProtocol(p))
	}
	for _, t := range list[string](f, int64(0x09)) {
		info.Transports = append(info.Transports, Transport(t))
	}
	info.readAlgorithms(f)
	if f.err != nil {
		return nil, f.err
	}
	return info, nil
}

// orDefault returns the number below key, or what stands for its absence.
func (f *fields) orDefault(key int64, absent int) int {
	if _, ok := f.members[key]; !ok {
		return absent
	}
	return int(f.number(key, math.MaxInt32))
}

func (i *Info) readAAGUID(f *fields) {
	aaguid := member[[]byte](f, int64(0x03))
	if copy(i.AAGUID[:], aaguid) != len(aaguid) || len(aaguid) != len(i.AAGUID) {
		f.fail("AAGUID of %d bytes", len(aaguid))
	}
}

// readAlgorithms takes the public-key algorithms and passes over other types.
func (i *Info) readAlgorithms(f *fields) {
	for _, entry := range f.each(int64(0x0A)) {
		alg := member[int64](entry, "alg")
		if member[string](entry, "type") == publicKey {
			i.Algorithms = append(i.Algorithms, alg)
		}
		f.take(entry)
	}
}

// HasVersion reports whether the key speaks the given version.
func (i *Info) HasVersion(version string) bool { return slices.Contains(i.Versions, version) }

// HasExtension reports whether the key processes the given extension.
func (i *Info) HasExtension(id string) bool { return slices.Contains(i.Extensions, id) }

// Configurable is the state of something that a key may have and its owner sets up.
type Configurable int

// The states that the options clientPin and uv tell.
const (
	Unsupported   Configurable = iota // the key does not have it
	NotConfigured                     // it does, and nobody has set it up
	Configured                        // it is in use
)

func (i *Info) configurable(option string) Configurable {
	on, present := i.Options[option]
	switch {
	case !present:
		return Unsupported
	case !on:
		return NotConfigured
	}
	return Configured
}

// PIN tells whether the key has a PIN (option clientPin).
func (i *Info) PIN() Configurable { return i.configurable("clientPin") }

// BuiltInUV tells whether the key verifies its user by itself, with a fingerprint
// for example (option uv).
func (i *Info) BuiltInUV() Configurable { return i.configurable("uv") }

// Protected reports whether some form of user verification is set up.
func (i *Info) Protected() bool { return i.PIN() == Configured || i.BuiltInUV() == Configured }

// ResidentKeys reports whether the key makes discoverable credentials (option rk).
func (i *Info) ResidentKeys() bool { return i.Options["rk"] }

// AlwaysUV reports whether the key wants its user verified for everything.
func (i *Info) AlwaysUV() bool { return i.Options["alwaysUv"] }

// EnterpriseAttestation reports whether enterprise attestation is enabled (option ep).
func (i *Info) EnterpriseAttestation() bool { return i.Options["ep"] }

// permits reports whether tokens come with permissions (option pinUvAuthToken).
func (i *Info) permits() bool { return i.Options["pinUvAuthToken"] }

// pinOpensCeremonies reports whether the PIN is good for making credentials and
// assertions. A key with option noMcGaPermissionsWithClientPin keeps it for settings.
func (i *Info) pinOpensCeremonies() bool {
	return i.PIN() == Configured && !i.Options["noMcGaPermissionsWithClientPin"]
}

// pinProtocol returns the first protocol of the key's that is known here.
func (i *Info) pinProtocol() (PINProtocol, error) {
	for _, p := range i.PINProtocols {
		if p.known() {
			return p, nil
		}
	}
	// A key of 2.0 that has a PIN need not list protocols: there was but one.
	if len(i.PINProtocols) == 0 && i.PIN() != Unsupported {
		return PINProtocolOne, nil
	}
	return 0, ErrPINProtocol
}
