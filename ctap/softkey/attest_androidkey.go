package softkey

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// oidKeyDescription is the extension with which an Android keystore describes a key.
var oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// Levels, purposes, origins and tags of an Android keystore.
const (
	androidVersion = 300

	levelSoftware           = 0
	levelTrustedEnvironment = 1

	purposeSign     = 2
	purposeVerify   = 3
	originGenerated = 0
	originImported  = 2

	tagPurpose         = 1
	tagAlgorithm       = 2
	tagNoAuthRequired  = 503
	tagAllApplications = 600
	tagCreation        = 701
	tagOrigin          = 702
	tagApplicationID   = 709

	algorithmEC = 3
)

// KeyDescription is what an Android keystore says of a key, before it is written.
type KeyDescription struct {
	// AttestationLevel and KeystoreLevel are where the description was signed and where
	// the key is held: 0 software, 1 trusted environment, 2 secure element.
	AttestationLevel, KeystoreLevel uint32
	Challenge                       []byte
	// Software and Hardware are the authorizations that the system and the trusted
	// environment keep.
	Software, Hardware []Authorization
	// Trailing is written behind the end. Only forgeries have any.
	Trailing []byte
}

// Authorization is one entry of an authorization list: its tag, and its value in DER.
type Authorization struct {
	Tag   uint32
	Value []byte
}

// honestKeyDescription describes a key as a trusted environment would that made it
// for signing.
func honestKeyDescription(challenge []byte) *KeyDescription {
	return &KeyDescription{
		AttestationLevel: levelTrustedEnvironment,
		KeystoreLevel:    levelTrustedEnvironment,
		Challenge:        challenge,
		Software: []Authorization{
			{tagCreation, derNumber(derInteger, 1_600_000_000)},
			{tagApplicationID, der(derOctets, []byte(attestationVendor))},
		},
		Hardware: []Authorization{
			{tagPurpose, der(derSet, derNumber(derInteger, purposeSign))},
			{tagAlgorithm, derNumber(derInteger, algorithmEC)},
			{tagNoAuthRequired, der(derNull)},
			{tagOrigin, derNumber(derInteger, originGenerated)},
		},
	}
}

func (d *KeyDescription) encode() []byte {
	return slices.Concat(der(derSequence,
		derNumber(derInteger, androidVersion),
		derNumber(derEnumerated, d.AttestationLevel),
		derNumber(derInteger, androidVersion),
		derNumber(derEnumerated, d.KeystoreLevel),
		der(derOctets, d.Challenge),
		der(derOctets), // uniqueId
		authorizationList(d.Software),
		authorizationList(d.Hardware),
	), d.Trailing)
}

func authorizationList(list []Authorization) []byte {
	var content []byte
	for _, a := range list {
		content = append(content, derExplicit(a.Tag, a.Value)...)
	}
	return der(derSequence, content)
}

// with returns list with the value of tag replaced, or added.
func with(list []Authorization, tag uint32, value []byte) []Authorization {
	return append(without(list, tag), Authorization{tag, value})
}

func without(list []Authorization, tag uint32) []Authorization {
	return slices.DeleteFunc(slices.Clone(list), func(a Authorization) bool { return a.Tag == tag })
}

// androidKey attests as an Android keystore does (WebAuthn §8.4): a certificate for
// the credential key, which signs for itself.
type androidKey struct{}

func (androidKey) algorithms() []int64 { return []int64{ES256, RS256} }
func (androidKey) aaguid() [16]byte    { return AAGUID }

func (androidKey) attest(s subjectOfAttestation) (Statement, error) {
	pair, err := s.certifiedPair()
	if err != nil {
		return Statement{}, err
	}
	description := honestKeyDescription(bytes.Clone(s.clientDataHash))
	if s.forge.KeyDescription != nil {
		s.forge.KeyDescription(description)
	}
	cert, err := s.certify(pair.signer.Public(), &x509.Certificate{
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: oidKeyDescription, Value: description.encode()}},
	})
	if err != nil {
		return Statement{}, err
	}
	sig, err := s.forge.sign(pair, s.message())
	if err != nil {
		return Statement{}, err
	}
	return Statement{Format: "android-key", Members: map[string]any{
		"alg": pair.alg,
		"sig": sig,
		"x5c": [][]byte{cert},
	}}, nil
}

func (androidKey) forgeries() []Forgery {
	return slices.Concat([]Forgery{
		otherKeyForgery(),
		certificateForgery("no key description", func(c *x509.Certificate) { c.ExtraExtensions = nil }),
		descriptionForgery("key made for another registration", func(d *KeyDescription) { d.Challenge = flipLast(d.Challenge) }),
		descriptionForgery("bytes after the key description", func(d *KeyDescription) { d.Trailing = []byte{derNull, 0} }),
		descriptionForgery("key that every app may use, by the system", func(d *KeyDescription) {
			d.Software = with(d.Software, tagAllApplications, der(derNull))
		}),
		descriptionForgery("key that every app may use, by the trusted environment", func(d *KeyDescription) {
			d.Hardware = with(d.Hardware, tagAllApplications, der(derNull))
		}),
		descriptionForgery("imported key", func(d *KeyDescription) {
			d.Hardware = with(d.Hardware, tagOrigin, derNumber(derInteger, originImported))
		}),
		descriptionForgery("key that is not for signing", func(d *KeyDescription) {
			d.Hardware = with(d.Hardware, tagPurpose, der(derSet, derNumber(derInteger, purposeVerify)))
		}),
		descriptionForgery("two origins", func(d *KeyDescription) {
			d.Hardware = append(d.Hardware, Authorization{tagOrigin, derNumber(derInteger, originGenerated)})
		}),
		descriptionForgery("key held in software (where a trusted environment is required)", func(d *KeyDescription) {
			d.KeystoreLevel = levelSoftware
		}),
		descriptionForgery("described by software (where a trusted environment is required)", func(d *KeyDescription) {
			d.AttestationLevel = levelSoftware
		}),
		descriptionForgery("origin not known (where a trusted environment is required)", func(d *KeyDescription) {
			d.Hardware = without(d.Hardware, tagOrigin)
		}),
		descriptionForgery("purpose not known (where a trusted environment is required)", func(d *KeyDescription) {
			d.Hardware = without(d.Hardware, tagPurpose)
		}),
		untrustedForgery(),
	}, signedForgeries())
}

// descriptionForgery makes a forgery of what is said of a key.
func descriptionForgery(name string, spoil func(*KeyDescription)) Forgery {
	return Forgery{Name: name, Registration: true, Forge: Forge{KeyDescription: spoil}}
}
