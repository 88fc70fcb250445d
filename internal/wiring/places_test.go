package wiring

import "testing"

// What the configuration takes can be opened: fronts at one prefix that share no path,
// below each other, and where they are by themselves.
func TestFrontsSideBySide(t *testing.T) {
	for _, fronts := range []string{
		`{ digital-access: { relying-party: localhost }, hermod: {}, onewelcome: {}, onespan: { relying-party: localhost }, nevis: { relying-party: localhost, idm: {} } }`,
		`{ onespan: { relying-party: localhost, prefix: /x }, nevis: { relying-party: localhost, prefix: /x }, digital-access: { relying-party: localhost, prefix: /x/y } }`,
		`{ onewelcome: { prefix: /x }, hermod: { uri-base: /x/hermod }, nevis: { relying-party: localhost, prefix: /x, idm: { uri-base: / } } }`,
	} {
		started(t, configured(t, basics+"fronts: "+fronts+"\n"))
	}
}
