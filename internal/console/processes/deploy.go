package processes

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
	"bestow.dev/internal/web"
	shipped "bestow.dev/processes"
)

// maxDefinitionBytes bounds a definition that is deployed here.
const maxDefinitionBytes = 1 << 20

type deployPage struct {
	XML         string
	SelfService bool
	Problem     *problem
	Problems    []*bpmn.DefinitionError // by line
	MayForce    bool                    // the one refusal there was can be overridden
	Shipped     []shipped.Definition    // to begin with
}

// deployForm is empty, or has a definition in it that comes with the program.
func (d *door) deployForm(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	p := deployPage{Shipped: shipped.All()}
	for _, definition := range p.Shipped {
		if definition.Name == r.URL.Query().Get("from") {
			p.XML = string(definition.XML)
		}
	}
	return show(w, o, console.View{Name: "deploy.html", Title: "deploy.title", Data: p})
}

// deploy takes a definition from a file or the text field. One that is refused is shown
// again, with everything that is wrong with it. Warnings are shown at once: some are about
// what else there is now. The page can be loaded again: the same text changes nothing.
func (d *door) deploy(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	text, err := definitionFrom(r)
	if err != nil {
		return err
	}
	p := deployPage{Shipped: shipped.All(), XML: string(text), SelfService: r.PostForm.Has("self-service")}
	done, err := d.Processes.Deploy(r.Context(), o.By, process.Deploy{XML: text, SelfService: p.SelfService, Force: r.PostForm.Has("force")})
	if err != nil {
		p.Problems = problemsOf(err)
		if p.Problem, err = refused(r, o, err); err != nil {
			return err
		}
		if len(p.Problems) > 0 {
			p.Problem.Detail = "" // they say it better
		}
		p.MayForce = p.Problem.Code == process.ErrNotAsync.Code
		return show(w, o, console.View{Name: "deploy.html", Title: "deploy.title", Data: p, Status: p.Problem.status})
	}
	if len(done.Warnings) > 0 {
		return show(w, o, console.View{Name: "deployed.html", Title: "deploy.title", Data: done})
	}
	how := "same"
	if done.Added {
		how = "new"
	}
	http.Redirect(w, r, definitionsPath+"/"+url.PathEscape(done.Version.Key)+"?deployed="+how, http.StatusSeeOther)
	return nil
}

// problemsOf returns where in its file a definition was refused; nothing for a refusal
// that is about no place.
func problemsOf(err error) []*bpmn.DefinitionError {
	if all, ok := errors.AsType[bpmn.DefinitionErrors](err); ok {
		return all
	}
	if one, ok := errors.AsType[*bpmn.DefinitionError](err); ok {
		return []*bpmn.DefinitionError{one}
	}
	return nil
}

// definitionFrom returns the definition that a form brings: the file, or else the text.
func definitionFrom(r *http.Request) ([]byte, error) {
	text := []byte(r.PostFormValue("xml"))
	if file, header, err := r.FormFile("file"); err == nil && header.Size > 0 {
		defer file.Close()
		if text, err = io.ReadAll(io.LimitReader(file, maxDefinitionBytes+1)); err != nil {
			return nil, web.ErrInterrupted.Because(err)
		}
	}
	if len(text) > maxDefinitionBytes {
		return nil, web.ErrTooLarge
	}
	return text, nil
}
