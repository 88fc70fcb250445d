package config

import (
	"fmt"
	"strings"
)

// A place is where a front stands: all paths below At lead to it, unless another stands
// deeper.
type place struct {
	setting string   // the key that says where
	at      string   // without a slash at its end
	serves  []string // what it answers below at; empty: whatever there is
}

// places are where the fronts that are open stand, and our own API and pages.
func (c *Config) places() []place {
	var all []place
	add := func(setting, at string, serves ...string) { all = append(all, place{setting, at, serves}) }
	for _, ours := range append([]string{"/.well-known"}, ownPaths...) {
		add("", ours)
	}
	f := &c.Fronts
	if d := f.DigitalAccess; d != nil {
		const setting = "fronts.digital-access.prefix"
		add(setting, d.Prefix+"/fido", "/options", "/credentials", "/openapi.json")
		add(setting, d.Prefix+"/oauth2")
	}
	if h := f.Hermod; h != nil {
		rooms := []string{"/command", "/ms", "/util", "/health"}
		if h.Swagger.Enabled {
			rooms = append(rooms, "/openapi.json")
		}
		for _, room := range rooms {
			add("fronts.hermod.uri-base", h.URIBase+room)
		}
	}
	if d := f.Identity; d != nil {
		add("fronts.identity.base", d.Base+"/callback")
	}
	if d := f.OneWelcome; d != nil {
		add("fronts.onewelcome.prefix", d.Prefix,
			"/attestation", "/assertion", "/users", "/authenticator-policies", "/relying-parties", "/openapi.json")
	}
	if d := f.OneSpan; d != nil {
		add("fronts.onespan.prefix", d.Prefix, "/users", "/sessions", "/fido-registrations", "/fido", "/openapi.json")
	}
	if n := f.Nevis; n != nil {
		add("fronts.nevis.prefix", n.Prefix+"/fido2")
		if n.IDM != nil {
			add("fronts.nevis.idm.uri-base", n.IDM.URIBase, "/clients", "/"+n.IDM.ClientExtID)
		}
		if n.Demo != nil {
			add("fronts.nevis.demo.path", n.Demo.Path)
		}
	}
	if d := &f.Conformance; d.Enabled {
		for _, room := range []string{"/attestation", "/assertion", "/openapi.json"} {
			add("fronts.conformance.prefix", d.Prefix+room)
		}
	}
	return all
}

// checkPlaces refuses two places one of which would take from the other what it serves. A
// front may stand below another that does not serve what is there.
func (c *Config) checkPlaces() error {
	all := c.places()
	for i, a := range all {
		for _, b := range all[i+1:] {
			path, taken := a.takes(b)
			if !taken {
				path, taken = b.takes(a)
			}
			switch {
			case !taken || a.setting == b.setting:
			case a.setting == "":
				return fmt.Errorf("%s: %s is taken: our own API and pages are there", b.setting, path)
			default:
				return fmt.Errorf("%s and %s: both would serve %s", a.setting, b.setting, path)
			}
		}
	}
	return nil
}

// takes returns a path that b serves, and that would lead to p.
func (p *place) takes(b place) (path string, taken bool) {
	if len(p.at) < len(b.at) {
		return "", false // b stands deeper
	}
	for _, served := range b.paths() {
		if below(served, p.at) || below(p.at, served) {
			return p.at, true
		}
	}
	return "", false
}

func (p *place) paths() []string {
	if len(p.serves) == 0 {
		return []string{p.at}
	}
	all := make([]string, len(p.serves))
	for i, served := range p.serves {
		all[i] = p.at + served
	}
	return all
}

// below reports whether path is root, or beneath it.
func below(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '/')
}
