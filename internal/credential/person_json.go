package credential

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// MarshalJSON implements [json.Marshaler]. Binary values are base64url without
// padding, times RFC 3339; what is not there is left out. Hashes of challenges,
// secrets and cookies are left out too: they say nothing about the person.
func (p PersonRecord) MarshalJSON() ([]byte, error) {
	doc := personDocument{
		User: userDocument{
			ID: p.User.ID, Name: p.User.Name, DisplayName: p.User.DisplayName, ShownName: p.User.ShownName, Handle: p.User.Handle,
			Role: p.User.Role, Locked: p.User.Locked, Created: p.User.Created, Updated: p.User.Updated,
		},
		Credentials: make([]credentialDocument, 0, len(p.Credentials)),
		Ceremonies:  make([]ceremonyDocument, 0, len(p.Ceremonies)),
		Invitations: make([]invitationDocument, 0, len(p.Invitations)),
		Sessions:    make([]sessionDocument, 0, len(p.Sessions)),
		Runs:        make([]runDocument, 0, len(p.Runs)),
		Events:      make([]eventDocument, 0, len(p.Events)),
	}
	for i, c := range p.Credentials {
		doc.Credentials = append(doc.Credentials, credentialToDocument(&c))
		if i < len(p.Evidence) {
			doc.Credentials[i].Registration = evidenceToDocument(&p.Evidence[i])
		}
	}
	for _, c := range p.Ceremonies {
		doc.Ceremonies = append(doc.Ceremonies, ceremonyDocument{
			ID: c.ID, Kind: c.Kind, RelyingParty: c.RelyingParty, State: c.State, Options: c.Options, RequestID: c.RequestID,
			Begun: c.Actor.String(), Via: c.Via, Ref: c.Ref, Address: c.Address, Created: c.Created, Expires: c.Expires, Ended: c.Ended,
			Outcome: c.Outcome, Credential: c.Credential,
		})
	}
	for _, i := range p.Invitations {
		doc.Invitations = append(doc.Invitations, invitationDocument{
			ID: i.ID, RelyingParty: i.RelyingParty, Additional: i.Additional, State: i.State,
			Invited: i.Actor.String(), Via: i.Via, Ref: i.Ref, Created: i.Created, Expires: i.Expires, Ended: i.Ended,
		})
	}
	for _, s := range p.Sessions {
		doc.Sessions = append(doc.Sessions, sessionDocument{
			RelyingParty: s.RelyingParty, Purpose: s.Purpose, Address: s.Address, Created: s.Created, Expires: s.Expires, Ended: s.Ended,
			Registered: s.Registered, Credential: s.Credential,
		})
	}
	for _, r := range p.Runs {
		doc.Runs = append(doc.Runs, runDocument{
			ID: r.ID, Definition: r.Definition, Version: r.Version, Status: r.Status, StartedBy: r.Starter.String(), Via: r.Via, Ref: r.Ref,
			Error: r.Error, Message: r.Message, Variables: r.Variables, Created: r.Created, Ended: r.Ended,
		})
	}
	for _, e := range p.Events {
		doc.Events = append(doc.Events, eventToDocument(&e))
	}
	return json.Marshal(doc)
}

type personDocument struct {
	User        userDocument         `json:"user"`
	Credentials []credentialDocument `json:"credentials"`
	Ceremonies  []ceremonyDocument   `json:"ceremonies"`
	Invitations []invitationDocument `json:"invitations"`
	Sessions    []sessionDocument    `json:"sessions"`
	Runs        []runDocument        `json:"runs"`
	Events      []eventDocument      `json:"events"`
}

type userDocument struct {
	ID          UserID         `json:"id"`
	Name        string         `json:"name"`
	DisplayName string         `json:"displayName"`
	ShownName   string         `json:"shownName,omitempty"`
	Handle      webauthn.Bytes `json:"handle"`
	Role        tenant.Role    `json:"role,omitempty"`
	Locked      time.Time      `json:"locked,omitzero"`
	Created     time.Time      `json:"created"`
	Updated     time.Time      `json:"updated"`
}

type credentialDocument struct {
	ID             ID                `json:"id"`
	RelyingParty   string            `json:"relyingParty"`
	CredentialID   webauthn.Bytes    `json:"credentialId"`
	PublicKey      webauthn.Bytes    `json:"publicKey"`
	Algorithm      int32             `json:"algorithm"`
	AAGUID         webauthn.AAGUID   `json:"aaguid"`
	SignCount      uint32            `json:"signCount"`
	Transports     []string          `json:"transports,omitempty"`
	Attachment     string            `json:"authenticatorAttachment,omitempty"`
	BackupEligible bool              `json:"backupEligible"`
	BackupState    bool              `json:"backupState"`
	UVInitialized  bool              `json:"uvInitialized"`
	Discoverable   Known             `json:"discoverable,omitempty"`
	Name           string            `json:"name,omitempty"`
	UserAgent      string            `json:"userAgent,omitempty"`
	State          State             `json:"state"`
	Standing       Standing          `json:"standing,omitempty"`
	Until          time.Time         `json:"until,omitzero"`
	ExternalID     string            `json:"externalId,omitempty"`
	Reason         string            `json:"reason,omitempty"`
	Version        int64             `json:"version"`
	Created        time.Time         `json:"created"`
	Updated        time.Time         `json:"updated"`
	LastUsed       time.Time         `json:"lastUsed,omitzero"`
	Uses           int64             `json:"uses,omitempty"`
	Failures       int64             `json:"failures,omitempty"`
	LastFailed     time.Time         `json:"lastFailed,omitzero"`
	ProvisionedBy  string            `json:"provisionedBy"`
	Via            string            `json:"via,omitempty"`
	Ref            string            `json:"ref,omitempty"`
	Registration   *evidenceDocument `json:"registration,omitempty"`
}

func credentialToDocument(c *Credential) credentialDocument {
	return credentialDocument{
		ID: c.ID, RelyingParty: c.RelyingParty, CredentialID: c.CredentialID, PublicKey: c.PublicKey, Algorithm: c.Algorithm,
		AAGUID: c.AAGUID, SignCount: c.SignCount, Transports: c.Transports, Attachment: c.Attachment,
		BackupEligible: c.BackupEligible, BackupState: c.BackupState, UVInitialized: c.UVInitialized, Discoverable: c.Discoverable,
		Name: c.Name, UserAgent: c.UserAgent, State: c.State, Standing: c.Standing, Until: c.Until, ExternalID: c.ExternalID,
		Uses: c.Uses, Failures: c.Failures, LastFailed: c.LastFailed, Reason: c.Reason, Version: c.Version,
		Created: c.Created, Updated: c.Updated, LastUsed: c.LastUsed, ProvisionedBy: c.ProvisionedBy, Via: c.Via, Ref: c.Ref,
	}
}

type evidenceDocument struct {
	AttestationObject webauthn.Bytes  `json:"attestationObject"`
	ClientData        webauthn.Bytes  `json:"clientDataJSON"`
	Options           json.RawMessage `json:"options"`
	Judged            time.Time       `json:"judged"`
	Format            string          `json:"format"`
	AttestationType   string          `json:"attestationType"`
	Trusted           bool            `json:"trusted"`
	Anchor            string          `json:"anchor,omitempty"`
	Chain             []string        `json:"chain,omitempty"`
	Policy            string          `json:"policy"`
	Warnings          []string        `json:"warnings,omitempty"`
	Told              Told            `json:"told,omitzero"`
	Terms             Terms           `json:"terms,omitzero"`
	Decision          policy.Decision `json:"decision,omitzero"`
	Basis             []BasisRef      `json:"basis,omitempty"`
}

func evidenceToDocument(e *Evidence) *evidenceDocument {
	doc := &evidenceDocument{
		AttestationObject: e.AttestationObject, ClientData: e.ClientData, Options: e.Options, Judged: e.Judged,
		Format: e.Format, AttestationType: e.AttestationType, Trusted: e.Trusted,
		Anchor: base64.RawURLEncoding.EncodeToString(e.Anchor), Policy: e.Policy, Warnings: e.Warnings,
		Told: e.Told, Terms: e.Terms, Decision: e.Decision, Basis: e.Basis,
	}
	for _, sum := range e.Chain {
		doc.Chain = append(doc.Chain, base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	return doc
}

type ceremonyDocument struct {
	ID           CeremonyID      `json:"id"`
	Kind         CeremonyKind    `json:"kind"`
	RelyingParty string          `json:"relyingParty"`
	State        CeremonyState   `json:"state"`
	Options      json.RawMessage `json:"options"`
	RequestID    string          `json:"requestId,omitempty"`
	Begun        string          `json:"begunBy"`
	Via          string          `json:"via,omitempty"`
	Ref          string          `json:"ref,omitempty"`
	Address      string          `json:"address,omitempty"`
	Created      time.Time       `json:"created"`
	Expires      time.Time       `json:"expires"`
	Ended        time.Time       `json:"ended,omitzero"`
	Outcome      string          `json:"outcome,omitempty"`
	Credential   ID              `json:"credential,omitempty"`
}

type invitationDocument struct {
	ID           string          `json:"id"`
	RelyingParty string          `json:"relyingParty"`
	Additional   bool            `json:"additional"`
	State        InvitationState `json:"state"`
	Invited      string          `json:"invitedBy"`
	Via          string          `json:"via,omitempty"`
	Ref          string          `json:"ref,omitempty"`
	Created      time.Time       `json:"created"`
	Expires      time.Time       `json:"expires"`
	Ended        time.Time       `json:"ended,omitzero"`
}

type sessionDocument struct {
	RelyingParty string    `json:"relyingParty"`
	Purpose      Purpose   `json:"purpose"`
	Address      string    `json:"address,omitempty"`
	Created      time.Time `json:"created"`
	Expires      time.Time `json:"expires"`
	Ended        time.Time `json:"ended,omitzero"`
	Registered   time.Time `json:"registered,omitzero"`
	Credential   ID        `json:"credential,omitempty"`
}

type runDocument struct {
	ID         string                     `json:"id"`
	Definition string                     `json:"definition"`
	Version    int                        `json:"version"`
	Status     string                     `json:"status"`
	StartedBy  string                     `json:"startedBy"`
	Via        string                     `json:"via,omitempty"`
	Ref        string                     `json:"ref,omitempty"`
	Error      string                     `json:"error,omitempty"`
	Message    string                     `json:"message,omitempty"`
	Variables  map[string]json.RawMessage `json:"variables,omitempty"`
	Created    time.Time                  `json:"created"`
	Ended      time.Time                  `json:"ended,omitzero"`
}

type eventDocument struct {
	Seq          int64             `json:"seq"`
	Time         time.Time         `json:"time"`
	Action       string            `json:"action"`
	Actor        string            `json:"actor"`
	Claimed      string            `json:"claimed,omitempty"`
	Via          string            `json:"via,omitempty"`
	Ref          string            `json:"ref,omitempty"`
	RelyingParty string            `json:"relyingParty,omitempty"`
	Credential   string            `json:"credential,omitempty"`
	Outcome      string            `json:"outcome"`
	Detail       map[string]string `json:"detail,omitempty"`
}

func eventToDocument(e *audit.Event) eventDocument {
	return eventDocument{
		Seq: e.Seq, Time: e.Time, Action: e.Action, Actor: e.Actor.String(), Claimed: e.Claimed, Via: e.Via, Ref: e.Ref,
		RelyingParty: e.RelyingParty, Credential: e.Credential, Outcome: e.Outcome, Detail: e.Detail,
	}
}
