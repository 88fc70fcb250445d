package softkey

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"bestow.dev/ctap"
)

// managed is a credentialManagement request with its token.
func (b *bench) managed(sub byte, params []byte, token []byte) request {
	r := request{
		1: cborInt(int64(sub)), 3: cborInt(2),
		4: cborBytes(ctap.PINProtocolTwo.Authenticate(token, append([]byte{sub}, params...))),
	}
	if params != nil {
		r[2] = params
	}
	return r
}

// full is a key with a PIN, two credentials of one site and one of another.
func full(t *testing.T) (*bench, [][]byte) {
	b := newBench(t)
	b.setPIN(goodPIN)
	var ids [][]byte
	for _, c := range []struct{ rp, user string }{{rpID, "one"}, {rpID, "two"}, {"other.example", "one"}} {
		r := goodCreation()
		r[2] = cborMap(named("id", cborText(c.rp)))
		r[3] = cborMap(named("id", cborBytes([]byte(c.user))), named("name", cborText(c.user)), named("displayName", cborText("D")))
		resident(r)
		r.authorise(ctap.CommandMakeCredential, 2, b.tokenFor(2, ctap.PermissionMakeCredential, c.rp))
		status, body := b.do(ctap.CommandMakeCredential, r)
		wantStatus(t, "makeCredential", status, ctap.StatusOK)
		ids = append(ids, b.authData(body, 2).id)
	}
	return b, ids
}

func rpHash(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return cborMap(at(1, cborBytes(sum[:])))
}

func TestCredentialManagementChecks(t *testing.T) {
	const cmd = ctap.CommandCredentialManagement
	b, ids := full(t)
	free := func() []byte { return b.tokenFor(2, ctap.PermissionCredentialManagement, "") }
	bound := func() []byte { return b.tokenFor(2, ctap.PermissionCredentialManagement, rpID) }
	without := func(r request, key int64) request { delete(r, key); return r }
	with := func(r request, key int64, value []byte) request { r[key] = value; return r }
	target := func(id []byte) []byte { return cborMap(at(2, descriptorOf(id))) }
	user := func(id []byte, user string) []byte {
		return cborMap(at(2, descriptorOf(id)), at(3, cborMap(named("id", cborBytes([]byte(user))), named("name", cborText("new")))))
	}
	tests := []struct {
		name string
		r    func() request
		want ctap.Status
	}{
		{"no subcommand", func() request { return request{} }, ctap.StatusMissingParameter},
		{"unknown subcommand", func() request { return b.managed(0x20, nil, free()) }, ctap.StatusInvalidSubcommand},
		{"metadata", func() request { return b.managed(1, nil, free()) }, ctap.StatusOK},
		{"metadata: no param", func() request { return without(b.managed(1, nil, free()), 4) }, ctap.StatusPUATRequired},
		{"metadata: neither", func() request { return without(without(b.managed(1, nil, free()), 4), 3) }, ctap.StatusPUATRequired},
		{"metadata: no protocol", func() request { return without(b.managed(1, nil, free()), 3) }, ctap.StatusMissingParameter},
		{"metadata: unknown protocol", func() request { return with(b.managed(1, nil, free()), 3, cborInt(5)) }, ctap.StatusInvalidParameter},
		{"metadata: wrong param", func() request { return with(b.managed(1, nil, free()), 4, cborBytes(make([]byte, 32))) }, ctap.StatusPINAuthInvalid},
		{"metadata: param of another subcommand", func() request { return with(b.managed(2, nil, free()), 1, cborInt(1)) }, ctap.StatusPINAuthInvalid},
		{"metadata: token without permission", func() request { return b.managed(1, nil, b.token(2, ctap.PermissionMakeCredential)) }, ctap.StatusPINAuthInvalid},
		{"metadata: token for one site", func() request { return b.managed(1, nil, bound()) }, ctap.StatusPINAuthInvalid},
		{"sites: token for one site", func() request { return b.managed(2, nil, bound()) }, ctap.StatusPINAuthInvalid},
		{"next site out of turn", func() request { return request{1: cborInt(3)} }, ctap.StatusNotAllowed},
		{"next credential out of turn", func() request { return request{1: cborInt(5)} }, ctap.StatusNotAllowed},
		{"credentials: no hash", func() request { return b.managed(4, cborMap(), free()) }, ctap.StatusMissingParameter},
		{"credentials: token for another site", func() request { return b.managed(4, rpHash("other.example"), bound()) }, ctap.StatusPINAuthInvalid},
		{"credentials: token for this site", func() request { return b.managed(4, rpHash(rpID), bound()) }, ctap.StatusOK},
		{"credentials: none", func() request { return b.managed(4, rpHash("nobody.example"), free()) }, ctap.StatusNoCredentials},
		{"update: unknown", func() request { return b.managed(7, user([]byte("x"), "one"), free()) }, ctap.StatusNoCredentials},
		{"update: another account", func() request { return b.managed(7, user(ids[0], "two"), free()) }, ctap.StatusInvalidParameter},
		{"update: no user", func() request { return b.managed(7, target(ids[0]), free()) }, ctap.StatusMissingParameter},
		{"update", func() request { return b.managed(7, user(ids[0], "one"), bound()) }, ctap.StatusOK},
		{"delete: no id", func() request { return b.managed(6, cborMap(), free()) }, ctap.StatusMissingParameter},
		{"delete: unknown", func() request { return b.managed(6, target([]byte("x")), free()) }, ctap.StatusNoCredentials},
		{"delete: token for another site", func() request { return b.managed(6, target(ids[2]), bound()) }, ctap.StatusPINAuthInvalid},
		{"delete", func() request { return b.managed(6, target(ids[2]), free()) }, ctap.StatusOK},
		{"delete: gone", func() request { return b.managed(6, target(ids[2]), free()) }, ctap.StatusNoCredentials},
	}
	for _, test := range tests {
		got, _ := b.do(cmd, test.r())
		wantStatus(t, test.name, got, test.want)
	}
	b.reopen()
	if len(b.state.Credentials) != 2 || b.state.Credentials[0].UserName != "new" {
		t.Errorf("kept %+v", b.state.Credentials)
	}
}

func TestEnumeration(t *testing.T) {
	const cmd = ctap.CommandCredentialManagement
	b, ids := full(t)
	token := b.tokenFor(2, ctap.PermissionCredentialManagement, "")

	status, body := b.do(cmd, b.managed(1, nil, token))
	wantStatus(t, "metadata", status, ctap.StatusOK)
	if b.member(body, 1).n != 3 || b.member(body, 2).n != 47 {
		t.Errorf("metadata %x", body)
	}

	status, body = b.do(cmd, b.managed(2, nil, token))
	wantStatus(t, "first site", status, ctap.StatusOK)
	if b.member(body, 5).n != 2 {
		t.Errorf("%d sites", b.member(body, 5).n)
	}
	status, body = b.do(cmd, request{1: cborInt(3)})
	wantStatus(t, "second site", status, ctap.StatusOK)
	if want := sha256.Sum256([]byte("other.example")); !bytes.Equal(b.member(body, 4).data, want[:]) || b.has(body, 5) {
		t.Errorf("second site %x", body)
	}
	status, _ = b.do(cmd, request{1: cborInt(3)})
	wantStatus(t, "third site", status, ctap.StatusNotAllowed)

	status, body = b.do(cmd, b.managed(4, rpHash(rpID), token))
	wantStatus(t, "first credential", status, ctap.StatusOK)
	if b.member(body, 9).n != 2 || b.member(body, 0x0A).n != 1 {
		t.Errorf("first credential %x", body)
	}
	ecdsaKey(t, b.member(body, 8))
	want := cborMap(named("id", cborBytes([]byte("one"))), named("name", cborText("one")), named("displayName", cborText("D")))
	if got := b.member(body, 6).raw; !bytes.Equal(got, want) {
		t.Errorf("user %x, want %x", got, want)
	}
	status, body = b.do(cmd, request{1: cborInt(5)})
	wantStatus(t, "second credential", status, ctap.StatusOK)
	p := &params{pairs: b.member(body, 7).pairs}
	if id, _ := p.bytes(name("id")); !bytes.Equal(id, ids[1]) {
		t.Errorf("second credential %x", id)
	}

	b.do(cmd, b.managed(2, nil, token))
	b.send([]byte{byte(ctap.CommandGetInfo)})
	status, _ = b.do(cmd, request{1: cborInt(3)})
	wantStatus(t, "after another command", status, ctap.StatusNotAllowed)

	empty := newBench(t)
	empty.setPIN(goodPIN)
	token = empty.tokenFor(2, ctap.PermissionCredentialManagement, "")
	status, _ = empty.do(cmd, empty.managed(2, nil, token))
	wantStatus(t, "empty key", status, ctap.StatusNoCredentials)
}
