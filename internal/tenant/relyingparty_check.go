package tenant

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Bounds on what describes a relying party.
const (
	maxOrigins       = 100
	maxAAGUIDs       = 1000
	maxAnchors       = 200
	maxAnchorBytes   = 1 << 20
	maxCredentials   = 1000
	maxPolicies      = 15 // one less than can be put together: one more is part of the program
	minChallengeLife = 10 * time.Second
	maxChallengeLife = 24 * time.Hour
)

// algorithms are the COSE algorithms that can be verified. Where two numbers stand for
// the same inside WebAuthn it is the older one, as §5.8.5 recommends.
var algorithms = []int32{-7, -8, -35, -36, -37, -38, -39, -47, -48, -49, -50, -53, -257, -258, -259}

func (rp *RelyingParty) check() error {
	if !validName(rp.Tenant) {
		return invalidRP("tenant", "The tenant's name is not valid.")
	}
	if !validDomain(rp.ID) {
		return invalidRP("id", "The id is a domain name in lower case, without scheme and port.")
	}
	if len(rp.Name) > maxName || !printable(rp.Name) {
		return invalidRP("name", "The name is too long or holds control characters.")
	}
	if err := rp.checkOrigins(); err != nil {
		return err
	}
	if err := rp.checkWishes(); err != nil {
		return err
	}
	if err := rp.checkTimes(); err != nil {
		return err
	}
	if err := rp.checkCeremonySettings(); err != nil {
		return err
	}
	if _, err := rp.Anchors(); err != nil {
		return err
	}
	if err := rp.Trust.check(); err != nil {
		return err
	}
	return rp.checkPolicyNames()
}

func (rp *RelyingParty) checkOrigins() error {
	if len(rp.Origins) > maxOrigins || len(rp.TopOrigins) > maxOrigins {
		return invalidRP("origins", "There are too many origins.")
	}
	for _, o := range rp.Origins {
		if androidApp(o) {
			continue
		}
		host, ok := originHost(o)
		if !ok {
			return invalidRP("origins", "An origin is https://host or https://host:port, in lower case and without the port 443; http is for localhost alone.")
		}
		// §5.1.3 and §5.1.4.1: the RP ID is the origin's domain or above it.
		if host != rp.ID && !strings.HasSuffix(host, "."+rp.ID) {
			return invalidRP("origins", "An origin's host is the id or ends in it after a dot.")
		}
	}
	if len(rp.TopOrigins) > 0 && !rp.AllowCrossOrigin {
		return invalidRP("topOrigins", "Top origins only count where cross-origin ceremonies are allowed.")
	}
	for _, o := range rp.TopOrigins {
		if _, ok := originHost(o); !ok {
			return invalidRP("topOrigins", "A top origin is https://host or https://host:port, in lower case and without the port 443; http is for localhost alone.")
		}
	}
	return nil
}

func (rp *RelyingParty) checkWishes() error {
	wishes := []Requirement{Required, Preferred, Discouraged}
	switch {
	case !slices.Contains(wishes, rp.ResidentKey):
		return invalidRP("residentKey", "It is required, preferred or discouraged.")
	case !slices.Contains(wishes, rp.UserVerification):
		return invalidRP("userVerification", "It is required, preferred or discouraged.")
	case !slices.Contains([]string{"", "platform", "cross-platform"}, rp.AuthenticatorAttachment):
		return invalidRP("authenticatorAttachment", "It is platform, cross-platform or empty.")
	case !slices.Contains([]Attestation{AttestationNone, AttestationIndirect, AttestationDirect, AttestationEnterprise}, rp.Attestation):
		return invalidRP("attestation", "It is none, indirect, direct or enterprise.")
	case rp.AttestationTrust != TrustRecord && rp.AttestationTrust != TrustRequire:
		return invalidRP("attestationTrust", "It is record or require.")
	case rp.AttestationTrust == TrustRequire && rp.Attestation == AttestationNone:
		return invalidRP("attestationTrust", "Trust cannot be required of an attestation that is not asked for.")
	case len(rp.AllowedAAGUIDs) > maxAAGUIDs:
		return invalidRP("allowedAaguids", "There are too many models.")
	}
	for i, a := range rp.AllowedAAGUIDs {
		rp.AllowedAAGUIDs[i] = strings.ToLower(a)
		if !validAAGUID(rp.AllowedAAGUIDs[i]) {
			return invalidRP("allowedAaguids", "A model's AAGUID has the form 8-4-4-4-12 of hexadecimal digits.")
		}
	}
	for i, a := range rp.Algorithms {
		if !slices.Contains(algorithms, a) {
			return invalidRP("algorithms", "There is an algorithm that is not supported.")
		}
		if slices.Contains(rp.Algorithms[:i], a) {
			return invalidRP("algorithms", "There is an algorithm that stands twice.")
		}
	}
	return nil
}

func (rp *RelyingParty) checkTimes() error {
	switch {
	case rp.MaxCredentialsPerUser < 1 || rp.MaxCredentialsPerUser > maxCredentials:
		return invalidRP("maxCredentialsPerUser", "It is 1 to 1000.")
	case rp.ChallengeLife < minChallengeLife || rp.ChallengeLife > maxChallengeLife:
		return invalidRP("challengeLife", "It is 10 seconds to 24 hours.")
	case rp.Timeout < time.Second || rp.Timeout > rp.ChallengeLife:
		return invalidRP("timeout", "It is at least a second, and not longer than the challenge lives.")
	}
	return nil
}

// Anchors returns the certificates of TrustAnchors and of the tenant's, which count for
// every format. It parses them on each call. Errors: rp.invalid; none on a relying
// party that was checked.
func (rp *RelyingParty) Anchors() ([]*x509.Certificate, error) {
	own, err := parseAnchors("trustAnchors", rp.TrustAnchors)
	if err != nil {
		return nil, err
	}
	tenants, err := parseAnchors("tenantAnchors", rp.TenantAnchors)
	return append(own, tenants...), err
}

// checkPolicyNames judges the list; whether there are such policies is for the
// [Directory] to know.
func (rp *RelyingParty) checkPolicyNames() error {
	if len(rp.Policies) > maxPolicies {
		return invalidRP("policies", "There are too many policies.")
	}
	for i, name := range rp.Policies {
		if slices.Contains(rp.Policies[:i], name) {
			return invalidRP("policies", "There is a policy that stands twice.")
		}
	}
	return nil
}

func invalidRP(field, public string) error {
	return ErrRelyingPartyInvalid.At(field).Saying("%s", public)
}

// validDomain reports whether s is a domain name as §4 asks of an RP ID: labels of
// letters, digits and dashes in lower case (an international name in its ASCII form),
// and no address.
func validDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	var last string
	for label := range strings.SplitSeq(s, ".") {
		if len(label) > 63 || !validName(label) || strings.HasSuffix(label, "-") {
			return false
		}
		last = label
	}
	// A last label that is a number, of digits or after 0x, makes browsers read the
	// whole as an IPv4 address.
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") != ""
	}
	return strings.Trim(last, "0123456789") != ""
}

// androidPrefix begins the origin of an Android app: the hash of the certificate it is
// signed with follows.
const androidPrefix = "android:apk-key-hash:"

// androidApp reports whether origin is that of an Android app. Whether the app may speak
// for the relying party is for the platform to know, which asks its domain.
func androidApp(origin string) bool {
	text, ok := strings.CutPrefix(origin, androidPrefix)
	if !ok {
		return false
	}
	hash, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(hash) == sha256.Size && base64.RawURLEncoding.EncodeToString(hash) == text
}

// originHost returns the host of a web origin in its serialised form.
func originHost(origin string) (host string, ok bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin {
		return "", false
	}
	host = u.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return "", false
	}
	if !validDomain(host) {
		return "", false
	}
	port := u.Port()
	if port == "" {
		return host, u.Host == host
	}
	standard := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	return host, port != standard && validPort(port)
}

func validPort(s string) bool {
	if len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for _, c := range []byte(s) {
		n = n*10 + int(c-'0') // url.Parse let digits through only
	}
	return n <= 65535
}

func validAAGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// printable reports whether s is UTF-8 without control characters.
func printable(s string) bool {
	return strings.ToValidUTF8(s, "\x00") == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}
