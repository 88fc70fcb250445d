package plugout

import (
	"net/url"
	"strings"
)

// Scheme is the URL scheme that the agent registers for the current user.
const Scheme = "com.nexusgroup.plugout"

// A Link is what a browser hands to the desktop agent: the address of a message
// box and the code that opens it once. The token is a secret; a Link therefore
// never goes into a log or an error.
type Link struct {
	BoxURL string // https, ends in /ms/<box id>
	Token  string // UUID in lower case
}

// String returns the link in the one form that is emitted:
//
//	com.nexusgroup.plugout:///?url=<percent-encoded box URL>&token=<UUID>
func (l Link) String() string {
	return Scheme + ":///?url=" + url.QueryEscape(l.BoxURL) + "&token=" + url.QueryEscape(l.Token)
}

// BoxID returns the last segment of the box URL.
func (l Link) BoxID() string { return l.BoxURL[strings.LastIndexByte(l.BoxURL, '/')+1:] }

// Host returns host and port of the relay as written in the box URL, without a
// port if that is the default one.
func (l Link) Host() string {
	rest := strings.TrimPrefix(l.BoxURL, "https://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// ParseLink takes a plugout link apart and checks that it may be followed: an https
// box URL without user information, query and fragment, whose path ends in
// /ms/<UUID>, and a UUID as token. Escapes may be in upper, lower or mixed case, the
// two parameters in either order; what else the link may say is refused.
//
// Errors are of type [*Refusal] with [ReasonLink] and never quote the link.
func ParseLink(text string) (Link, error) {
	if len(text) > MaxLinkBytes {
		return Link{}, refuse(ReasonLink, "link is longer than %d bytes", MaxLinkBytes)
	}
	query, err := linkQuery(text)
	if err != nil {
		return Link{}, err
	}
	params, err := linkParameters(query)
	if err != nil {
		return Link{}, err
	}
	boxURL, err := ParseBoxURL(params["url"])
	if err != nil {
		return Link{}, err
	}
	token := strings.ToLower(params["token"])
	if !isUUID(token) {
		return Link{}, refuse(ReasonLink, "token is missing or not a UUID")
	}
	return Link{BoxURL: boxURL, Token: token}, nil
}

// linkQuery returns what follows the question mark. Browsers and desktops rewrite
// the empty authority and path, so each number of slashes up to three is taken.
func linkQuery(text string) (string, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok || !strings.EqualFold(scheme, Scheme) {
		return "", refuse(ReasonLink, "scheme is not %s", Scheme)
	}
	slashes, query, ok := strings.Cut(rest, "?")
	if !ok || len(slashes) > 3 || strings.Trim(slashes, "/") != "" {
		return "", refuse(ReasonLink, "not of the form %s:///?url=…&token=…", Scheme)
	}
	return query, nil
}

func linkParameters(query string) (map[string]string, error) {
	params := make(map[string]string, 2)
	for pair := range strings.SplitSeq(query, "&") {
		name, escaped, _ := strings.Cut(pair, "=")
		if name != "url" && name != "token" {
			return nil, refuse(ReasonLink, "a parameter other than url and token")
		}
		if _, twice := params[name]; twice {
			return nil, refuse(ReasonLink, "parameter %s is given twice", name)
		}
		value, err := url.PathUnescape(escaped)
		if err != nil {
			return nil, refuse(ReasonLink, "parameter %s is not percent-encoded", name)
		}
		params[name] = value
	}
	return params, nil
}

// ParseBoxURL checks the address of a message box and returns it in its one form:
// scheme, host and box id in lower case, no default port.
//
// Errors are of type [*Refusal] with [ReasonLink].
func ParseBoxURL(text string) (string, error) {
	if text == "" || !plainURL(text) {
		return "", refuse(ReasonLink, "box address is missing or holds characters that have no place in it")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", refuse(ReasonLink, "box address is not a URL")
	case u.Scheme != "https":
		return "", refuse(ReasonLink, "box address is not https")
	case u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", refuse(ReasonLink, "box address has user information, a query or a fragment")
	}
	host, err := canonicalHost(u)
	if err != nil {
		return "", err
	}
	path, err := boxPath(u.Path)
	if err != nil {
		return "", err
	}
	return "https://" + host + path, nil
}

// plainURL reports whether text consists of characters that a box address needs.
// There is no percent sign among them: an escape inside the box URL could only hide
// something, for no part of it needs one.
func plainURL(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~:/[]", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// boxPath checks that path has no empty or dot segment and ends in /ms/<UUID>.
func boxPath(path string) (string, error) {
	segments := strings.Split(path, "/")
	last := len(segments) - 1
	if last < 2 || segments[0] != "" || segments[last-1] != "ms" {
		return "", refuse(ReasonLink, "path of the box address does not end in /ms/<box id>")
	}
	for _, s := range segments[1:] {
		if s == "" || s == "." || s == ".." {
			return "", refuse(ReasonLink, "path of the box address has an empty or dot segment")
		}
	}
	segments[last] = strings.ToLower(segments[last])
	if !isUUID(segments[last]) {
		return "", refuse(ReasonLink, "box id is not a UUID")
	}
	return strings.Join(segments, "/"), nil
}
