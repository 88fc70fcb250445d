package cose

// Labels of an octet key, as positions in parameters (RFC 9053 §7.2). Label -1 is
// the curve, as with ec2.
const okpX = 1 // label -2

// What keys of type OKP have in common.
const (
	okpKty    = 1
	okpLabels = 2
)

// readOKP reads the parameters of a key for s and returns x, which the caller checks.
func readOKP(s *scheme, p *parameters) ([]byte, *KeyError) {
	if err := checkCurve(s, p); err != nil {
		return nil, err
	}
	return byteString(p.values[okpX], "x")
}

// checkX refuses points that no honest signer has. Under a point of small order some
// signatures hold for many messages; verifiers take such points, and encodings that are
// not canonical, as RFC 8032 §5.1.3 and §5.2.3 do not.
func checkX(s *scheme, x []byte, on *edwards) *KeyError {
	if len(x) != s.curve.size {
		return refuse(KeyValue, "x has %d bytes, not %d", len(x), s.curve.size)
	}
	if !on.holds(x) {
		return refuse(KeyValue, "x is no point of %s in canonical form, or one of small order", s.curve.name)
	}
	return nil
}

// appendOKP appends what readOKP reads.
func appendOKP(b []byte, s *scheme, x []byte) []byte {
	b = appendInt(appendInt(b, -1), s.curve.crv)
	return appendBytes(appendInt(b, -2), x)
}
