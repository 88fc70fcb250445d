package plugout

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// canonicalHost returns host and port in lower case, without the default port.
func canonicalHost(u *url.URL) (string, error) {
	name := strings.ToLower(u.Hostname())
	addr, err := netip.ParseAddr(name)
	switch {
	case err == nil && addr.Is6() && addr.Zone() == "":
		name = "[" + addr.String() + "]"
	case err == nil && addr.Is4():
	case strings.HasPrefix(u.Host, "["), !isHostName(name):
		return "", refuse(ReasonLink, "host of the box address is not a host name")
	}
	port := u.Port()
	if port == "" {
		if strings.HasSuffix(u.Host, ":") {
			return "", refuse(ReasonLink, "port of the box address is empty")
		}
		return name, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '0' {
		return "", refuse(ReasonLink, "port of the box address is not a port number")
	}
	if n == 443 {
		return name, nil
	}
	return name + ":" + port, nil
}

// isHostName reports whether name is a DNS name of letters, digits and hyphens. A
// name whose last label is a number is none: it could be taken for an address.
func isHostName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	var label string
	for label = range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return strings.Trim(label, "0123456789") != "" && !strings.HasPrefix(label, "0x")
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// isUUID reports whether s is a UUID in its usual text form and lower case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
