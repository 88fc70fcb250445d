package api

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// The media types that are not JSON.
const (
	mediaXML = "application/xml"
	mediaSVG = "image/svg+xml"
)

// picture is the output of an operation that answers with a drawing.
type picture struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

// svgPolicy lets a picture have its own style and nothing else, wherever it is opened.
const svgPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

func svg(body []byte) *picture { return &picture{mediaSVG, svgPolicy, body} }

// text is the output of an operation that answers with a document that is not ours.
type text struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// answersWith describes an answer that is not JSON.
func answersWith(mediaType, description string) map[string]*huma.Response {
	return map[string]*huma.Response{strconv.Itoa(http.StatusOK): {
		Description: description,
		Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
}
