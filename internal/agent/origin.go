package agent

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"bestow.dev/internal/plugout"
)

// canonicalRelay brings a relay's host into the form in which links name it. It
// borrows the rules of the box address, so that the two can never differ.
func canonicalRelay(host string) (string, error) {
	const box = "/ms/00000000-0000-0000-0000-000000000000"
	boxURL, err := plugout.ParseBoxURL("https://" + host + box)
	if err != nil || strings.Contains(host, "/") {
		return "", fmt.Errorf("%q is not a relay: host name, and :port unless it is 443", host)
	}
	return plugout.Link{BoxURL: boxURL}.Host(), nil
}

// CheckRPID reports whether id can be an RP ID: a domain name in lower case that is
// not a public suffix as far as can be told without a list of them.
//
// A browser has that list. Here the person or administrator who fills the allow list
// has named each RP ID, and the check only catches what nobody can own: top-level
// domains, and registries of the form co.uk.
func CheckRPID(id string) error {
	labels := strings.Split(id, ".")
	switch {
	case id == "localhost":
		return nil
	case !isDomain(id):
		return fmt.Errorf("%q is not an RP ID: a domain name in lower case", id)
	case len(labels) == 1:
		return fmt.Errorf("%q is not an RP ID: it is a top-level domain", id)
	case len(labels) == 2 && len(labels[1]) == 2 && slices.Contains(registryLabels, labels[0]):
		return fmt.Errorf("%q is not an RP ID: it is a registry's domain", id)
	}
	return nil
}

// registryLabels are second-level names below which country registries sell.
var registryLabels = []string{"ac", "co", "com", "edu", "gob", "gov", "gouv", "gv", "mil", "ne", "net", "nom", "or", "org"}

// CheckOrigin reports whether a ceremony for rpID may claim to run at origin
// (WebAuthn, section 5.1.3, steps on the effective domain): a serialised origin,
// https, or http on localhost, whose host is the RP ID or below it.
func CheckOrigin(origin, rpID string) error {
	if err := CheckRPID(rpID); err != nil {
		return err
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host || u.Host != strings.ToLower(u.Host) {
		return fmt.Errorf("%q is not an origin: scheme, host and port in lower case", origin)
	}
	host, port := u.Hostname(), u.Port()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return fmt.Errorf("origin %s is not https", origin)
	case strings.HasSuffix(u.Host, ":"), u.Scheme == "https" && port == "443", u.Scheme == "http" && port == "80":
		return fmt.Errorf("origin %s names the default port, which an origin leaves out", origin)
	case host != rpID && !strings.HasSuffix(host, "."+rpID):
		return fmt.Errorf("origin %s is not at or below RP ID %s", origin, rpID)
	case !isDomain(host):
		return fmt.Errorf("%q is not an origin: its host is not a domain name", origin)
	}
	return nil
}

// isDomain reports whether s is a domain name in lower case, and no address.
func isDomain(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil || strings.ContainsAny(s, ":/[]") {
		return false
	}
	boxURL, err := plugout.ParseBoxURL("https://" + s + "/ms/00000000-0000-0000-0000-000000000000")
	return err == nil && plugout.Link{BoxURL: boxURL}.Host() == s
}
