package webauthn

import (
	"bytes"

	"bestow.dev/cose"
	"bestow.dev/internal/strictcbor"
)

// androidKeyStatement is an attStmt of format android-key.
type androidKeyStatement struct {
	alg cose.Algorithm
	sig []byte
	x5c [][]byte
}

// verifyAndroidKey is the procedure of format android-key (§8.4). The credential key
// signs for itself; its certificate, which the device's keystore issued, describes it.
func verifyAndroidKey(attStmt strictcbor.Item, in *attestedInput) (*statement, error) {
	// Step 1: the statement has alg, sig and x5c.
	s, err := parseAndroidKey(attStmt)
	if err != nil {
		return nil, err
	}
	chain, err := parseCertificates(s.x5c, "8.4/1")
	if err != nil {
		return nil, err
	}
	leaf := chain[0]

	// Step 2: the certified key signed.
	if err := verifyCertificateSignature(s.alg, leaf, in.signedBytes(), s.sig, "8.4/2"); err != nil {
		return nil, err
	}

	// Step 3: and it is the credential's.
	if !certifies(leaf, in.key) {
		return nil, refuse(ReasonAndroidKey, "8.4/3", "the attestation certificate is not for the credential key")
	}

	// Step 4: it was made for this registration.
	value, ok := extension(leaf, oidKeyDescription)
	if !ok {
		return nil, refuse(ReasonAndroidKey, "8.4/4", "the attestation certificate has no key description")
	}
	description, err := parseKeyDescription(value)
	if err != nil {
		return nil, refuse(ReasonAndroidKey, "8.4/4", "the key description is not strict DER of its type").because(err)
	}
	if !bytes.Equal(description.challenge, in.clientDataHash[:]) {
		return nil, refuse(ReasonAndroidKey, "8.4/4", "the key was made for another challenge than the hash of the client data")
	}

	// Step 5: what may be done with it, and by whom.
	if err := description.checkAuthorizations(); err != nil {
		return nil, err
	}

	// Step 6: Basic. The keystore answers for the key; the AAGUID is the word of
	// whatever app had it made.
	return &statement{kind: AttestationBasic, certificates: chain, reserved: description}, nil
}

// parseAndroidKey runs step 1.
func parseAndroidKey(attStmt strictcbor.Item) (*androidKeyStatement, error) {
	const step = "8.4/1"
	s := &androidKeyStatement{}
	var hasAlg bool
	// What is no map has no entries, and lacks them all.
	for key, value := range attStmt.Entries() {
		name, _ := key.Text()
		var ok bool
		switch name {
		case "alg":
			s.alg, ok = algorithmNumber(value)
			hasAlg = true
		case "sig":
			s.sig, ok = value.Bytes()
		case "x5c":
			s.x5c, ok = byteStrings(value)
		default:
			return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement has the member %q", name)
		}
		if !ok {
			return nil, refuse(ReasonAttestationStatementMalformed, step, "%s has the wrong type", name)
		}
	}
	if !hasAlg || s.sig == nil || s.x5c == nil {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement lacks alg, sig or x5c")
	}
	return s, nil
}

// What step 5 asks for.
const (
	originGenerated = 0 // KM_ORIGIN_GENERATED
	purposeSign     = 2 // KM_PURPOSE_SIGN
)

// checkAuthorizations runs step 5 on both lists: nothing that either says is wrong.
// What they do not say is left to the policy.
func (d *keyDescription) checkAuthorizations() error {
	const step = "8.4/5"
	for _, list := range []*authorizations{&d.software, &d.hardware} {
		if list.allApplications {
			return refuse(ReasonAndroidKey, step, "the key may be used by every app, for any relying party")
		}
		if list.hasOrigin && list.origin != originGenerated {
			return refuse(ReasonAndroidKey, step, "the key has origin %d: it was not made in the keystore", list.origin)
		}
		if list.hasPurpose && !list.mayDo(purposeSign) {
			return refuse(ReasonAndroidKey, step, "the key is not for signing")
		}
	}
	return nil
}

// judge implements [policyReserve]: the rest of step 5, which depends on whether the
// relying party takes keys of the trusted environment alone.
func (d *keyDescription) judge(policy TrustPolicy) ([]Warning, error) {
	const step = "8.4/5"
	if !policy.RequireAndroidKeyTrustedEnvironment {
		origin := d.software.hasOrigin || d.hardware.hasOrigin
		purpose := d.software.hasPurpose || d.hardware.hasPurpose
		if origin && purpose {
			return nil, nil
		}
		return []Warning{WarningAndroidKeyAuthorizations}, nil
	}
	if !d.attestationLevel.trusted() || !d.keystoreLevel.trusted() {
		return nil, refuse(ReasonAndroidKey, step, "the key or its description is not of a trusted environment, which the policy asks for")
	}
	if !d.hardware.hasOrigin || !d.hardware.hasPurpose {
		return nil, refuse(ReasonAndroidKey, step, "the trusted environment does not say that it made the key, for signing")
	}
	return nil, nil
}
