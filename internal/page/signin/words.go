package signin

import (
	"embed"
	"html/template"

	"bestow.dev/internal/page"
)

//go:embed assets
var assets embed.FS

var pages = page.Parse(assets, texts, "assets/*.html")

// texts are what the browser says while one signs in, whatever one signs in to.
var texts = page.Texts{
	"follow":       {EN: "Follow your browser…", DE: "Folgen Sie Ihrem Browser…"},
	"unreachable":  {EN: "The server cannot be reached. Check your connection and try again.", DE: "Der Server ist nicht zu erreichen. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal."},
	"tooOld":       {EN: "This browser is too old for this page. Use a current version of Chrome, Edge, Firefox or Safari.", DE: "Dieser Browser ist zu alt für diese Seite. Nehmen Sie eine aktuelle Version von Chrome, Edge, Firefox oder Safari."},
	"cancelled":    {EN: "That was cancelled, or took too long. You can try again.", DE: "Das wurde abgebrochen oder hat zu lange gedauert. Sie können es noch einmal versuchen."},
	"notSupported": {EN: "This device or security key cannot do what is asked for here.", DE: "Dieses Gerät oder dieser Sicherheitsschlüssel kann nicht, was hier verlangt ist."},
	"unverified":   {EN: "This device or security key cannot check who you are. It may need a PIN first.", DE: "Dieses Gerät oder dieser Sicherheitsschlüssel kann nicht prüfen, wer Sie sind. Vielleicht braucht es zuerst eine PIN."},
	"notAllowed":   {EN: "The browser does not allow passkeys on this address.", DE: "Der Browser erlaubt auf dieser Adresse keine Passkeys."},
	"unexpected":   {EN: "Something unexpected happened. You can try again.", DE: "Etwas Unerwartetes ist geschehen. Sie können es noch einmal versuchen."},
}

// Words is the part of a page in which its scripts say what goes on, with the words in a
// language that they and /assets/passkey.js say it in.
func Words(lang string) (template.HTML, error) { return pages.HTML(lang, "words.html", nil) }
