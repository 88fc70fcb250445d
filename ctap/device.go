package ctap

import "context"

// Device is one authenticator. It runs one exchange at a time; a second one waits,
// or is refused with CHANNEL_BUSY, as the transport has it.
type Device interface {
	// Describe says what the device is. It asks the device nothing.
	Describe() Descriptor

	// Exchange sends a request (the command byte and its CBOR parameters) and
	// returns the answer (the status byte and, after status 00, CBOR). It calls
	// keepAlive, unless that is nil, for every sign of life the device gives;
	// keepAlive must return at once.
	//
	// When ctx ends, Exchange cancels what the device is doing (CTAPHID_CANCEL) and
	// returns the answer the device then gives, which is normally the single byte 2D,
	// KEEPALIVE_CANCEL; the device may have been faster. An error means that there is
	// no answer: the device is gone, or its transport is broken.
	Exchange(ctx context.Context, request []byte, keepAlive func(KeepAlive)) ([]byte, error)

	// Close gives the device back. An exchange that is under way fails.
	Close() error
}

// Descriptor is what the platform knows of a device without asking it.
type Descriptor struct {
	// Product is the device's name for people. It may be empty.
	Product string
	// Serial is the serial number the transport shows; most keys show none.
	Serial string
	// Transport is how the device is connected.
	Transport Transport
	// Path is the platform's own name of the device, unique among those present.
	Path string
}

// Transport is how an authenticator is reached, spelled as in WebAuthn (§5.8.4).
type Transport string

// The transports.
const (
	TransportUSB       Transport = "usb"
	TransportNFC       Transport = "nfc"
	TransportBLE       Transport = "ble"
	TransportSmartCard Transport = "smart-card"
	TransportHybrid    Transport = "hybrid"
	TransportInternal  Transport = "internal"
)

// KeepAlive is what a device says while it works (CTAP 2.1 §11.2.9.1.7).
type KeepAlive byte

// The two signs of life.
const (
	KeepAliveProcessing   KeepAlive = 1 // busy; nothing to do
	KeepAliveUserPresence KeepAlive = 2 // waiting for a touch
)

// String returns the state in words.
func (k KeepAlive) String() string {
	switch k {
	case KeepAliveProcessing:
		return "processing"
	case KeepAliveUserPresence:
		return "waiting for a touch"
	}
	return "unknown"
}
