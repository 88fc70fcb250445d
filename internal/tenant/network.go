package tenant

import "net/netip"

// Network returns what a caller's address is counted under where too many tries are
// held back: an IPv4 address, or the /64 that an IPv6 address is in, since one
// subscriber has all of it. What is no address is returned as it is.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, _ := ip.Prefix(64) // 64 bits are not too many for an IPv6 address
	return prefix.Addr().String()
}
