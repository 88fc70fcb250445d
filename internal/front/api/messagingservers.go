package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
)

// MessagingServer is a relay that processes reach desks through.
type MessagingServer struct {
	Name                string            `json:"name" doc:"Tasks refer to it"`
	Description         string            `json:"description"`
	URL                 string            `json:"url" doc:"Where commands are posted, or internal: for our own relay"`
	ClientID            string            `json:"clientId,omitempty" doc:"Who we are there, as the token says"`
	HasToken            bool              `json:"hasToken" doc:"Its authentication token is known; it is never shown"`
	LifespanSeconds     int               `json:"lifespanSeconds" doc:"How long a command can be polled"`
	TimeoutSeconds      int               `json:"timeoutSeconds" doc:"How long it can be answered"`
	SessionStartSeconds int               `json:"sessionStartSeconds" doc:"How long the person has to follow the link"`
	AttestationKeySets  map[string]object `json:"attestationKeySets" nullable:"false" doc:"Sets of public keys by name, each a JWKS, that tasks refer to by attestationKeySet"`
	Version             int64             `json:"version" doc:"Counts changes, from 1"`
	Changed             time.Time         `json:"changed"`
	ChangedBy           string            `json:"changedBy" doc:"Such as client:ops"`
}

func fromMessagingServer(m *provision.MessagingServer) MessagingServer {
	out := MessagingServer{
		Name: m.Name, Description: m.Description, URL: m.URL, ClientID: m.ClientID, HasToken: m.HasToken,
		LifespanSeconds: int(m.Lifespan / time.Second), TimeoutSeconds: int(m.Timeout / time.Second),
		SessionStartSeconds: int(m.SessionStart / time.Second), AttestationKeySets: make(map[string]object, len(m.KeySets)),
		Version: m.Version, Changed: m.Changed, ChangedBy: m.ChangedBy,
	}
	for name, set := range m.KeySets {
		out.AttestationKeySets[name] = object(set)
	}
	return out
}

// MessagingServerPath is the path parameter of calls about one messaging server.
type MessagingServerPath struct {
	Name string `path:"name" doc:"The messaging server's name"`
}

type messagingServerPut struct {
	MessagingServerPath
	Body struct {
		Description         string            `json:"description,omitempty"`
		URL                 string            `json:"url" doc:"https, ending in /command; or internal: for our own relay"`
		Token               string            `json:"token,omitempty" writeOnly:"true" doc:"Authentication token. Left out: the one there is stays, unless the server is another one from now on"`
		LifespanSeconds     int               `json:"lifespanSeconds,omitempty" minimum:"1" maximum:"31536000" doc:"600 if left out"`
		TimeoutSeconds      int               `json:"timeoutSeconds,omitempty" minimum:"1" maximum:"31536000" doc:"240 if left out"`
		SessionStartSeconds int               `json:"sessionStartSeconds,omitempty" minimum:"1" maximum:"31536000" doc:"10 if left out"`
		AttestationKeySets  map[string]object `json:"attestationKeySets,omitempty" doc:"Sets of public keys by name, each a JWKS"`
		Version             int64             `json:"version,omitempty" minimum:"1" doc:"The version that is to be changed; any if left out"`
	}
}

func (in *messagingServerPut) server() provision.MessagingServer {
	b := &in.Body
	m := provision.MessagingServer{
		Name: in.Name, Description: b.Description, URL: b.URL, Version: b.Version,
		Lifespan: seconds(b.LifespanSeconds), Timeout: seconds(b.TimeoutSeconds), SessionStart: seconds(b.SessionStartSeconds),
	}
	if len(b.AttestationKeySets) > 0 {
		m.KeySets = make(map[string]json.RawMessage, len(b.AttestationKeySets))
	}
	for name, set := range b.AttestationKeySets {
		m.KeySets[name] = json.RawMessage(set)
	}
	return m
}

func (f *front) messagingServers() {
	admin := scopes(tenant.ScopeAdmin)
	handle(f, huma.Operation{
		OperationID: "list-messaging-servers", Method: http.MethodGet, Path: "/messaging-servers", Tags: inSettings,
		Summary: "Relays that processes reach desks through, by name", Security: admin,
	}, f.listMessagingServers)
	handle(f, huma.Operation{
		OperationID: "get-messaging-server", Method: http.MethodGet, Path: "/messaging-servers/{name}", Tags: inSettings,
		Summary: "One messaging server", Security: admin,
	}, f.getMessagingServer)
	handle(f, huma.Operation{
		OperationID: "put-messaging-server", Method: http.MethodPut, Path: "/messaging-servers/{name}", Tags: inSettings,
		Summary: "Make a messaging server, or change it", Security: admin,
		Description: "Its settings become those of the body, with the default for each that is left out, but for the token. " +
			"With a version, connection.version is the answer where it is another by now.",
	}, f.putMessagingServer)
	handle(f, huma.Operation{
		OperationID: "delete-messaging-server", Method: http.MethodDelete, Path: "/messaging-servers/{name}", Tags: inSettings,
		Summary: "Delete a messaging server with its token", Security: admin,
		Description: "Tasks that name it fail from then on, those that wait for a command there included.",
	}, f.deleteMessagingServer)
	handle(f, huma.Operation{
		OperationID: "test-messaging-server", Method: http.MethodPost, Path: "/messaging-servers/{name}/test", Tags: inSettings,
		Summary: "Ask the relay whether we are let in, and for its state", Security: admin,
	}, f.testMessagingServer)
}

func (f *front) listMessagingServers(ctx context.Context, by tenant.Authority, in *Paging) (*answer[page[MessagingServer]], error) {
	all, err := f.Provision.MessagingServers(ctx, by)
	if err != nil {
		return nil, err
	}
	list, err := cut(all, *in, func(m *provision.MessagingServer) string { return m.Name }, fromMessagingServer)
	return &answer[page[MessagingServer]]{list}, err
}

func (f *front) getMessagingServer(ctx context.Context, by tenant.Authority, in *MessagingServerPath) (*answer[MessagingServer], error) {
	m, err := f.Provision.MessagingServer(ctx, by, in.Name)
	if err != nil {
		return nil, err
	}
	return &answer[MessagingServer]{fromMessagingServer(m)}, nil
}

func (f *front) putMessagingServer(ctx context.Context, by tenant.Authority, in *messagingServerPut) (*answer[MessagingServer], error) {
	m, err := f.Provision.PutMessagingServer(ctx, by, in.server(), in.Body.Token)
	if err != nil {
		return nil, err
	}
	return &answer[MessagingServer]{fromMessagingServer(m)}, nil
}

func (f *front) deleteMessagingServer(ctx context.Context, by tenant.Authority, in *MessagingServerPath) (*nothing, error) {
	return &nothing{}, f.Provision.DeleteMessagingServer(ctx, by, in.Name)
}

func (f *front) testMessagingServer(ctx context.Context, by tenant.Authority, in *MessagingServerPath) (*answer[tested], error) {
	return answerTested(f.Provision.TestMessagingServer(ctx, by, in.Name))
}
