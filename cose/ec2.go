package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
)

// curve is an elliptic curve of the IANA registry "COSE Elliptic Curves".
type curve struct {
	crv      int64
	name     string
	size     int            // bytes of a coordinate
	elliptic elliptic.Curve // nil for curves that the standard library does not have
}

var (
	p256 = curve{crv: 1, name: "P-256", size: 32, elliptic: elliptic.P256()}
	p384 = curve{crv: 2, name: "P-384", size: 48, elliptic: elliptic.P384()}
	p521 = curve{crv: 3, name: "P-521", size: 66, elliptic: elliptic.P521()}
)

// Labels of a key with two coordinates, as positions in parameters (RFC 9053 §7.1.1).
const (
	ec2Crv = 0 // label -1
	ec2X   = 1 // label -2
	ec2Y   = 2 // label -3
)

var ec2 = family{kty: 2, labels: 3, parse: parseEC2, check: checkEC2, encode: encodeEC2}

func parseEC2(s *scheme, p *parameters) (crypto.PublicKey, *KeyError) {
	point, err := readPoint(s, p)
	if err != nil {
		return nil, err
	}
	public, cause := ecdsa.ParseUncompressedPublicKey(s.curve.elliptic, point)
	if cause != nil {
		return nil, &KeyError{Reason: KeyValue, Detail: "the point is not on " + s.curve.name, Err: cause}
	}
	return public, nil
}

// readPoint reads the coordinates of a key for s and returns them uncompressed (SEC 1
// §2.3.3): 04, x, y. The compressed form, in which y is a boolean, is refused (WebAuthn
// Level 3 §5.8.5).
func readPoint(s *scheme, p *parameters) ([]byte, *KeyError) {
	if err := checkCurve(s, p); err != nil {
		return nil, err
	}
	if _, compressed := p.values[ec2Y].Bool(); compressed {
		return nil, refuse(KeyParameters, "y is a boolean: the point is compressed")
	}
	x, err := byteString(p.values[ec2X], "x")
	if err != nil {
		return nil, err
	}
	y, err := byteString(p.values[ec2Y], "y")
	if err != nil {
		return nil, err
	}
	if len(x) != s.curve.size || len(y) != s.curve.size {
		return nil, refuse(KeyValue, "coordinates of %d and %d bytes, not %d", len(x), len(y), s.curve.size)
	}
	point := append(make([]byte, 0, 1+2*66), 4)
	return append(append(point, x...), y...), nil
}

// checkCurve compares a key's crv with the curve its algorithm asks for.
func checkCurve(s *scheme, p *parameters) *KeyError {
	crv, err := integer(p.values[ec2Crv], "crv")
	if err != nil {
		return err
	}
	if crv != s.curve.crv {
		return refuse(KeyMismatch, "curve %d does not fit %s, which asks for %s", crv, s.name, s.curve.name)
	}
	return nil
}

// checkEC2 does not ask whether the point is on the curve: ecdsa does, each time.
func checkEC2(s *scheme, public crypto.PublicKey) *KeyError {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key == nil {
		return refuse(KeyMismatch, "a key of type %T does not fit %s", public, s.name)
	}
	if key.Curve != s.curve.elliptic {
		return refuse(KeyMismatch, "the key's curve does not fit %s, which asks for %s", s.name, s.curve.name)
	}
	return nil
}

func encodeEC2(b []byte, s *scheme, public crypto.PublicKey) ([]byte, *KeyError) {
	point, cause := public.(*ecdsa.PublicKey).Bytes()
	if cause != nil {
		return nil, &KeyError{Reason: KeyValue, Detail: "the point is not on " + s.curve.name, Err: cause}
	}
	return appendPoint(b, s, point), nil
}

// appendPoint appends what readPoint reads.
func appendPoint(b []byte, s *scheme, point []byte) []byte {
	x, y := point[1:1+s.curve.size], point[1+s.curve.size:]
	b = appendInt(appendInt(b, -1), s.curve.crv)
	b = appendBytes(appendInt(b, -2), x)
	return appendBytes(appendInt(b, -3), y)
}

// verifyECDSA relies on the standard library for the form of the signature: DER with
// INTEGERs that are minimal and positive, and nothing after the SEQUENCE. The tests
// hold it to that.
func verifyECDSA(s *scheme, public crypto.PublicKey, message, signature []byte) bool {
	var buffer [maxDigest]byte
	return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest(buffer[:0], s.hash, message), signature)
}
