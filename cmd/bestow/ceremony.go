package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/verify"
	"bestow.dev/internal/wiring"
	"bestow.dev/webauthn"
)

type ceremonyCmd struct {
	Import ceremonyImportCmd `cmd:"" help:"Open the ceremony of a recorded case, so that its answer can be replayed."`
}

type ceremonyImportCmd struct {
	scope
	Client string `help:"The API client that may finish the ceremony; needed where there is more than one." placeholder:"ID"`
	User   string `help:"Login name of the user, where one is made; made up otherwise." placeholder:"NAME"`
}

func (ceremonyImportCmd) Help() string {
	return `For tests. Reads one case of schema webauthn-case/1 from standard input, as bestow verify does,
opens its ceremony with the recorded challenge, and prints the ceremony's id. The answer can
then be sent to /api/v1/registrations/{id}/finish or /api/v1/authentications/{id}/finish, once.
Works only on a data directory that was made with --test-data. What the case asks for and
the server judges in its own way is told on standard error; docs/verify.md has the list.

Examples:
  bestow serve --data ./test-data --test-data
  bestow ceremony import --data ./test-data --client ci < case.json`
}

// importedDocument is an imported ceremony in JSON.
type importedDocument struct {
	ID           string    `json:"id"`
	Kind         string    `json:"kind"`
	RelyingParty string    `json:"relyingParty"`
	Challenge    string    `json:"challenge"` // base64url
	UserID       string    `json:"userId"`
	User         string    `json:"user"`
	Client       string    `json:"client"`
	Expires      time.Time `json:"expires"`
	NotTaken     []string  `json:"notTaken"` // members of the case that do not count here
}

// Run imports the case.
func (c ceremonyImportCmd) Run(in *invocation) error {
	text, err := io.ReadAll(io.LimitReader(in.stdin, verify.MaxTextBytes))
	if err != nil {
		return fmt.Errorf("read the case: %w", err)
	}
	recorded, err := verify.ReadCase(text)
	if err != nil {
		return fault.New(fault.Invalid, "case.invalid", "This is no case: "+err.Error()+".").Because(err)
	}
	ceremony, err := ceremonyOf(recorded)
	if err != nil {
		return err
	}
	if err := c.needTestData(in); err != nil {
		return err
	}
	return in.on(c.scope, func(l *local) error {
		if !l.TestData {
			return credential.ErrNotTestData
		}
		if ceremony.Client, err = l.pickClient(c.Client); err != nil {
			return err
		}
		ceremony.UserName = c.User
		notTaken, err := l.relyingPartyOf(recorded)
		if err != nil {
			return err
		}
		made, err := l.Credentials.ImportCeremony(in.ctx, l.by, ceremony)
		if err != nil {
			return err
		}
		doc := importedDocument{
			ID: string(made.Ceremony), Kind: string(ceremony.Kind), RelyingParty: ceremony.RelyingParty,
			Challenge: base64.RawURLEncoding.EncodeToString(recorded.Challenge),
			UserID:    string(made.User.ID), User: made.User.Name,
			Client: ceremony.Client, Expires: made.Expires, NotTaken: notTaken,
		}
		if len(notTaken) > 0 {
			fmt.Fprintf(in.stderr, "The server does not go by %s of the case.\n", strings.Join(notTaken, ", "))
		}
		return in.print(doc, func(w io.Writer) { fmt.Fprintln(w, doc.ID) })
	})
}

// needTestData refuses to make a database that would then be refused for not being
// test data.
func (c ceremonyImportCmd) needTestData(in *invocation) error {
	cfg, err := in.load(nil)
	if err != nil || cfg.Database != "" || c.TestData {
		return err
	}
	if _, err := os.Stat(wiring.DatabaseFile(cfg)); errors.Is(err, os.ErrNotExist) {
		return credential.ErrNotTestData.Saying("There is no database at %s. `bestow serve --test-data` makes one that cases can be imported into.", wiring.DatabaseFile(cfg))
	}
	return nil
}

// ceremonyOf translates a case. It refuses what a server of this version would judge
// by another rule than the case asks for.
func ceremonyOf(c *verify.Case) (credential.ImportCeremony, error) {
	ceremony := credential.ImportCeremony{
		RelyingParty: c.RelyingParty.ID, Challenge: c.Challenge, UserVerification: c.UserVerification,
	}
	unsupported := func(member, why string) (credential.ImportCeremony, error) {
		return ceremony, credential.ErrImport.At(member).Saying("%s cannot be imported: %s", member, why)
	}
	switch {
	case len(c.RelyingParty.Origins) == 0:
		return unsupported("rp.origins", "a relying party has at least one.")
	case c.Registration && c.UserPresence == webauthn.UserPresenceOptional:
		return unsupported("options.userPresence", "the server asks for presence in every registration.")
	case len(c.Policy.ExtraTPMVendors) > 0:
		return unsupported("policy.extraTpmVendors", "the server takes the manufacturers of trust/tpm-vendors.json and no others.")
	}
	if c.Registration {
		ceremony.Kind, ceremony.Algorithms = credential.Registration, c.Algorithms
		return ceremony, nil
	}
	ceremony.Kind, ceremony.AllowCredentials, ceremony.AppID = credential.Authentication, c.AllowCredentials, c.AppID
	ceremony.Stored = c.Credential
	if c.Credential.UserHandle == nil {
		// As in a verdict: there is nothing to compare the answer's with.
		if resp, err := webauthn.ParseAuthenticationResponse(c.Response); err == nil && len(resp.UserHandle) > 0 {
			ceremony.Stored.UserHandle = resp.UserHandle
		}
	}
	return ceremony, nil
}

// pickClient returns the API client that was named, or the only one there is.
func (l *local) pickClient(named string) (string, error) {
	clients, err := l.Directory.Clients(l.in.ctx, l.by)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, c := range clients {
		if c.ID == named {
			return named, nil
		}
		ids = append(ids, c.ID)
	}
	switch {
	case len(ids) == 0:
		return "", fault.New(fault.Invalid, "client.required", "There is no API client that could finish the ceremony; `bestow client create --scope admin` makes one.")
	case named != "":
		return "", fault.New(fault.Invalid, "client.unknown", fmt.Sprintf("There is no API client %q; there is %s.", named, strings.Join(ids, ", ")))
	case len(ids) != 1:
		return "", fault.New(fault.Invalid, "client.required", "Say which API client is to finish the ceremony with --client: "+strings.Join(ids, ", ")+".")
	}
	return ids[0], nil
}
