package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// ProcessDefinition is one version of a process's definition. It never changes.
type ProcessDefinition struct {
	Key         string    `json:"key" doc:"The process's id in its file, by which it is started"`
	Version     int       `json:"version" doc:"Counts from 1"`
	Name        string    `json:"name"`
	Digest      string    `json:"digest" doc:"SHA-256 of the file, hexadecimal"`
	SelfService bool      `json:"selfService" doc:"People may start it for themselves"`
	Forced      bool      `json:"forced,omitempty" doc:"A refusal was overridden"`
	Deployed    time.Time `json:"deployed"`
	DeployedBy  string    `json:"deployedBy" doc:"Who deployed it, such as client:idm"`
}

func fromVersion(v process.Version) ProcessDefinition {
	return ProcessDefinition{
		Key: v.Key, Version: v.Version, Name: v.Name, Digest: hex.EncodeToString(v.Digest[:]),
		SelfService: v.SelfService, Forced: v.Forced, Deployed: v.Deployed, DeployedBy: v.DeployedBy.String(),
	}
}

// definitionProblem is what is wrong with a definition, or probably not meant.
type definitionProblem struct {
	Element string `json:"element,omitempty" doc:"Id of the element, or its name in BPMN where it has none"`
	Line    int    `json:"line,omitempty" doc:"In the file, from 1; left out for the file as a whole"`
	Problem string `json:"problem" doc:"For people"`
	Instead string `json:"instead,omitempty" doc:"What to do, for people"`
}

func fromProblem(p **bpmn.DefinitionError) definitionProblem { return definitionProblem(**p) }

// problemsOf returns what a refusal says of a definition; nothing for other refusals.
func problemsOf(err error) []definitionProblem {
	if all, ok := errors.AsType[bpmn.DefinitionErrors](err); ok {
		return each(all, fromProblem)
	}
	if one, ok := errors.AsType[*bpmn.DefinitionError](err); ok {
		return []definitionProblem{fromProblem(&one)}
	}
	return nil
}

// deployed answers the call that deploys a definition.
type deployed struct {
	ProcessDefinition
	Added    bool                `json:"added" doc:"False: the newest version is the same, and nothing was changed"`
	Warnings []definitionProblem `json:"warnings" nullable:"false" doc:"What is probably not meant, such as a connection that does not exist yet"`
}

// DefinitionPath is the path parameter of calls about one process.
type DefinitionPath struct {
	Key string `path:"key" doc:"The process's id"`
}

type definitionGet struct {
	DefinitionPath
	Version int `query:"version" minimum:"1" doc:"An older version; the newest if left out"`
}

type definitionVersions struct {
	DefinitionPath
	Paging
}

type newDefinition struct {
	SelfService bool   `query:"selfService" doc:"People may start it for themselves"`
	Force       bool   `query:"force" doc:"Deploy it although a task that has to be asynchronous is not. This is audited."`
	RawBody     []byte `contentType:"application/xml" doc:"BPMN 2.0"`
}

// maxDefinitionBytes bounds the file of a definition, as the command line does.
const maxDefinitionBytes = 1 << 20

func (f *front) processDefinitions() {
	read := scopes(tenant.ScopeProcessRun, tenant.ScopeProcessDeploy)
	handle(f, huma.Operation{
		OperationID: "list-process-definitions", Method: http.MethodGet, Path: "/process-definitions", Tags: inProcesses,
		Summary: "The newest version of each process, by key", Security: read,
	}, f.listDefinitions)
	handle(f, huma.Operation{
		OperationID: "deploy-process-definition", Method: http.MethodPost, Path: "/process-definitions", Tags: inProcesses,
		Summary: "Make a definition the newest version of its process", Security: scopes(tenant.ScopeProcessDeploy),
		Description: "The body is the file as the editor writes it, at most 1 MiB. Runs that are under way stay with their version. " +
			"What is wrong with it is in the refusal's problems, by line.",
		MaxBodyBytes: maxDefinitionBytes,
	}, f.deployDefinition)
	// The library would say that XML is any bytes.
	f.api.OpenAPI().Paths["/process-definitions"].Post.RequestBody.Content[mediaXML].Schema = &huma.Schema{Type: huma.TypeString}
	handle(f, huma.Operation{
		OperationID: "get-process-definition", Method: http.MethodGet, Path: "/process-definitions/{key}", Tags: inProcesses,
		Summary: "One process, in its newest version or an older one", Security: read,
	}, f.getDefinition)
	handle(f, huma.Operation{
		OperationID: "list-process-definition-versions", Method: http.MethodGet, Path: "/process-definitions/{key}/versions", Tags: inProcesses,
		Summary: "All versions of a process, the newest first", Security: read,
	}, f.listDefinitionVersions)
	handle(f, huma.Operation{
		OperationID: "get-process-definition-xml", Method: http.MethodGet, Path: "/process-definitions/{key}/xml", Tags: inProcesses,
		Summary: "The definition's file as it was deployed", Security: read,
		Responses: answersWith(mediaXML, "BPMN 2.0"),
	}, f.getDefinitionXML)
	handle(f, huma.Operation{
		OperationID: "get-process-definition-picture", Method: http.MethodGet, Path: "/process-definitions/{key}/picture", Tags: inProcesses,
		Summary: "The process as it is drawn, or laid out anew where its file has no drawing", Security: read,
		Responses: answersWith(mediaSVG, "The picture"),
	}, f.drawDefinition)
}

func (f *front) listDefinitions(ctx context.Context, by tenant.Authority, in *Paging) (*answer[page[ProcessDefinition]], error) {
	all, err := f.Processes.Definitions(ctx, by)
	if err != nil {
		return nil, err
	}
	list, err := cut(all, *in, func(v process.Version) string { return v.Key }, fromVersion)
	return &answer[page[ProcessDefinition]]{list}, err
}

func (f *front) listDefinitionVersions(ctx context.Context, by tenant.Authority, in *definitionVersions) (*answer[page[ProcessDefinition]], error) {
	all, err := f.Processes.Versions(ctx, by, in.Key)
	if err != nil {
		return nil, err
	}
	newest := func(v process.Version) string { return fmt.Sprintf("%019d", math.MaxInt64-int64(v.Version)) }
	list, err := cut(all, in.Paging, newest, fromVersion)
	return &answer[page[ProcessDefinition]]{list}, err
}

func (f *front) deployDefinition(ctx context.Context, by tenant.Authority, in *newDefinition) (*answer[deployed], error) {
	done, err := f.Processes.Deploy(ctx, by, process.Deploy{
		XML:         bytes.Clone(in.RawBody), // the library uses its memory again
		SelfService: in.SelfService, Force: in.Force,
	})
	if err != nil {
		return nil, err
	}
	return &answer[deployed]{deployed{fromVersion(done.Version), done.Added, each(done.Warnings, fromProblem)}}, nil
}

func (f *front) getDefinition(ctx context.Context, by tenant.Authority, in *definitionGet) (*answer[ProcessDefinition], error) {
	v, err := f.Processes.Definition(ctx, by, in.Key, in.Version)
	if err != nil {
		return nil, err
	}
	return &answer[ProcessDefinition]{fromVersion(*v)}, nil
}

func (f *front) getDefinitionXML(ctx context.Context, by tenant.Authority, in *definitionGet) (*text, error) {
	v, err := f.Processes.Definition(ctx, by, in.Key, in.Version)
	if err != nil {
		return nil, err
	}
	return &text{mediaXML, v.XML}, nil
}

func (f *front) drawDefinition(ctx context.Context, by tenant.Authority, in *definitionGet) (*picture, error) {
	d, err := f.Processes.Parsed(ctx, by, in.Key, in.Version)
	if err != nil {
		return nil, err
	}
	return svg(bpmn.Draw(d, bpmn.Picture{})), nil
}
