package webauthn

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/strictcbor"
)

const (
	// safetyNetHost is whom the certificate of Google's service was issued to.
	safetyNetHost = "attest.android.com"
	// safetyNetMaxAge is how old a response may be.
	safetyNetMaxAge = time.Minute
)

// verifySafetyNet is the procedure of format android-safetynet (§8.5), which the
// standard has deprecated. Whether it is accepted at all, and whether it is fresh, is
// left to the policy.
func verifySafetyNet(attStmt strictcbor.Item, in *attestedInput) (*statement, error) {
	// Step 1: the statement has ver and response.
	response, err := parseSafetyNet(attStmt)
	if err != nil {
		return nil, err
	}

	// Step 2: the response is one of the service's.
	jws, err := parseSafetyNetJWS(response)
	if err != nil {
		return nil, refuse(ReasonAttestationStatementMalformed, "8.5/2", "the response is not a JWS of the service").because(err)
	}
	chain, err := parseCertificates(jws.x5c, "8.5/2")
	if err != nil {
		return nil, err
	}

	// Step 3: it is about this registration.
	nonce := sha256.Sum256(in.signedBytes())
	if got := jws.payload.Nonce; got == nil || *got != base64.StdEncoding.EncodeToString(nonce[:]) {
		return nil, refuse(ReasonSafetyNetNonce, "8.5/3", "the response is about another registration")
	}

	// Step 4: the service signed it, and found the device sound.
	if err := checkSafetyNetHost(chain[0]); err != nil {
		return nil, err
	}
	if err := verifyCertificateSignature(jws.alg, chain[0], jws.signed, jws.sig, "8.5/4"); err != nil {
		return nil, err
	}
	if err := jws.payload.checkIntegrity(); err != nil {
		return nil, err
	}

	// Step 5: Basic. The service answers for the device; the AAGUID is the word of
	// whatever app asked it.
	made := time.UnixMilli(*jws.payload.TimestampMillis).UTC()
	return &statement{kind: AttestationBasic, certificates: chain, reserved: safetyNetTime(made)}, nil
}

// parseSafetyNet runs step 1. No version is defined, so any will do.
func parseSafetyNet(attStmt strictcbor.Item) (response []byte, err error) {
	const step = "8.5/1"
	var version string
	// What is no map has no entries, and lacks them all.
	for key, value := range attStmt.Entries() {
		name, _ := key.Text()
		var ok bool
		switch name {
		case "ver":
			version, ok = value.Text()
		case "response":
			response, ok = value.Bytes()
		default:
			return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement has the member %q", name)
		}
		if !ok {
			return nil, refuse(ReasonAttestationStatementMalformed, step, "%s has the wrong type", name)
		}
	}
	if version == "" || len(response) == 0 {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement lacks ver or response")
	}
	return response, nil
}

// checkSafetyNetHost judges whose certificate it is. Anchors for it may be those of
// the public web, so that this name alone tells the service from any other host. It
// has to be there in full: a wildcard, or a common name without it, will not do.
func checkSafetyNetHost(leaf *x509.Certificate) error {
	named := func(host string) bool { return strings.EqualFold(host, safetyNetHost) }
	if !slices.ContainsFunc(leaf.DNSNames, named) {
		return refuse(ReasonSafetyNetHostname, "8.5/4", "the attestation certificate is not for %s", safetyNetHost)
	}
	return nil
}

// checkIntegrity judges what the service says of the device. Basic integrity is not
// enough, but a device without it is not sound, whatever else is said.
func (p *safetyNetPayload) checkIntegrity() error {
	const step = "8.5/4"
	if p.CTSProfileMatch == nil || !*p.CTSProfileMatch {
		return refuse(ReasonSafetyNetIntegrity, step, "the device does not match a profile that passed Android's compatibility tests")
	}
	if p.BasicIntegrity != nil && !*p.BasicIntegrity {
		return refuse(ReasonSafetyNetIntegrity, step, "the device has no integrity")
	}
	if p.TimestampMillis == nil {
		return refuse(ReasonSafetyNetIntegrity, step, "the response does not say when it was made")
	}
	return nil
}

// safetyNetTime is when the service made its response.
type safetyNetTime time.Time

// judge implements [policyReserve].
func (s safetyNetTime) judge(policy TrustPolicy) ([]Warning, error) {
	if !policy.AllowDeprecatedAndroidSafetyNet {
		return nil, refuse(ReasonAttestationUntrusted, stepTrust, "the policy does not accept the deprecated format android-safetynet")
	}
	if policy.Time.IsZero() {
		return []Warning{WarningTimeAbsent}, nil
	}
	made := time.Time(s)
	switch age := policy.Time.Sub(made); {
	case age < 0:
		return nil, refuse(ReasonSafetyNetIntegrity, "8.5/4", "the response was made at %s, which is yet to come", made.Format(time.RFC3339))
	case age > safetyNetMaxAge:
		return nil, refuse(ReasonSafetyNetIntegrity, "8.5/4", "the response was made at %s, more than %s ago", made.Format(time.RFC3339), safetyNetMaxAge)
	}
	return nil, nil
}
