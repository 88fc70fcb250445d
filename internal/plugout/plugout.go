// Package plugout is the wire between the message relay and a desktop agent: the
// link that a browser hands to the desktop, the JSON documents the two exchange
// over a message box, and the signed answer of the agent.
//
// The relay builds a link, the agent takes it apart:
//
//	link := plugout.Link{BoxURL: boxURL, Token: token}.String()
//	...
//	link, err := plugout.ParseLink(text)
//
// An answer is a compact JWS over an [Answer]. The agent signs it with the key of
// its installation; the relay reads it in three steps, because each has another
// consequence for the command that is being answered:
//
//	jws, err := plugout.ParseJWS(body)                // malformed: nothing is spent
//	answer, err := plugout.ParseAnswer(jws.Payload)   // malformed: nothing is spent
//	key, err := keys.Verify(jws)                      // refused: the command fails
//	err = answer.Check(plugout.Expectation{...})      // refused: the command fails
//
// The package does no input or output and has no clock. It is not a JOSE library:
// it reads and writes the one shape of JWS that this wire has. Encrypted messages
// and the link of the mobile app are not part of it.
package plugout

// Version is the version of the message and answer documents, their member "v".
const Version = 1

// Sizes in bytes above which a document is refused unread.
const (
	MaxLinkBytes    = 2048
	MaxRequestBytes = 4 << 10   // body of a session request
	MaxMessageBytes = 256 << 10 // any document that the relay sends
	MaxAnswerBytes  = 128 << 10 // an answer, signed or not
	MaxKeySetBytes  = 1 << 20   // a key set file
)

// Media types of an answer.
const (
	MediaTypeJOSE = "application/jose"
	MediaTypeJSON = "application/json"
)
