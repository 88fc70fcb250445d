package softkey

// Limits in getInfo.
const (
	maxListEntries  = 8
	firmwareVersion = 1
)

// getInfo answers command 04 (CTAP 2.1 §6.4).
func (x *exchange) getInfo() []byte {
	var offered, protos [][]byte
	for _, alg := range x.config.Algorithms {
		offered = append(offered, cborMap(named("alg", cborInt(alg)), named("type", cborText("public-key"))))
	}
	for _, p := range protocols {
		protos = append(protos, cborInt(int64(p)))
	}
	aaguid := x.attester.aaguid()
	return cborMap(
		at(0x01, cborArray(cborText("FIDO_2_0"), cborText("FIDO_2_1"))),
		at(0x02, cborArray(cborText("credProtect"), cborText("hmac-secret"))),
		at(0x03, cborBytes(aaguid[:])),
		at(0x04, x.options()),
		at(0x05, cborInt(maxMessageBytes)),
		at(0x06, cborArray(protos...)),
		at(0x07, cborInt(maxListEntries)),
		at(0x08, cborInt(maxIDBytes)),
		at(0x09, cborArray(cborText("usb"))),
		at(0x0A, cborArray(offered...)),
		at(0x0C, cborBool(x.state.ForcePINChange)),
		at(0x0D, cborInt(int64(x.config.MinPINLength))),
		at(0x0E, cborInt(firmwareVersion)),
		at(0x14, cborInt(int64(x.room()))),
	)
}

func (x *exchange) options() []byte {
	return cborMap(
		named("plat", cborBool(false)),
		named("rk", cborBool(true)),
		named("up", cborBool(true)),
		named("clientPin", cborBool(x.protected())),
		named("pinUvAuthToken", cborBool(true)),
		named("credMgmt", cborBool(true)),
		named("makeCredUvNotRqd", cborBool(x.makeCredUVNotRequired())),
		named("alwaysUv", cborBool(x.config.AlwaysUV)),
	)
}

// protected reports whether some form of user verification is set up: here, a PIN.
func (x *exchange) protected() bool { return x.state.PIN != nil }

// makeCredUVNotRequired is the option makeCredUvNotRqd, which alwaysUv overrules.
func (x *exchange) makeCredUVNotRequired() bool {
	return !x.config.RequireUVToCreate && !x.config.AlwaysUV
}

// room is how many more discoverable credentials fit.
func (x *exchange) room() int { return max(x.config.Capacity-len(x.state.Credentials), 0) }
