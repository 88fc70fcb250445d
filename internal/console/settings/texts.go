package settings

import "bestow.dev/internal/page"

// texts is every text of these pages.
var texts = page.Texts{
	"settings.menu":  {EN: "Settings", DE: "Einstellungen"},
	"settings.title": {EN: "Settings", DE: "Einstellungen"},
	"settings.back":  {EN: "All settings", DE: "Alle Einstellungen"},

	"gone": {EN: "a user who was erased", DE: "ein gelöschter Benutzer"},
	"yes":  {EN: "yes", DE: "ja"},
	"no":   {EN: "no", DE: "nein"},

	"actor.client":   {EN: "API client", DE: "API-Client"},
	"actor.operator": {EN: "Operator", DE: "Operator"},
	"actor.user":     {EN: "User", DE: "Benutzer"},
	"actor.device":   {EN: "Device", DE: "Gerät"},
	"actor.visitor":  {EN: "Somebody not signed in", DE: "Jemand ohne Anmeldung"},
	"actor.system":   {EN: "Bestow", DE: "Bestow"},

	"connections":      {EN: "Connections", DE: "Verbindungen"},
	"connections.how":  {EN: "How the tasks of processes reach a relying party that provisions credentials: ourselves, or a Digital Access server.", DE: "Wie die Aufgaben von Prozessen eine Relying Party erreichen, die Schlüssel ausgibt: wir selbst oder ein Digital-Access-Server."},
	"connections.none": {EN: "There is none yet.", DE: "Es gibt noch keine."},

	"connection.title":       {EN: "Connection", DE: "Verbindung"},
	"connection.new":         {EN: "New connection", DE: "Neue Verbindung"},
	"connection.rp":          {EN: "Relying party", DE: "Relying Party"},
	"connection.rp_hint":     {EN: "Needed where the tenant has several.", DE: "Nötig, wo der Mandant mehrere hat."},
	"connection.url_hint":    {EN: "What stands before /fido and /oauth2.", DE: "Was vor /fido und /oauth2 steht."},
	"connection.delete":      {EN: "Delete this connection", DE: "Diese Verbindung löschen"},
	"connection.delete_hint": {EN: "Tasks that name it fail from then on. Its secret is gone.", DE: "Aufgaben, die sie nennen, scheitern von da an. Ihr Geheimnis ist weg."},

	"servers":      {EN: "Messaging servers", DE: "Messaging-Server"},
	"servers.how":  {EN: "The relays through which the tasks of processes reach security keys at a desk.", DE: "Die Relays, über die Aufgaben von Prozessen Sicherheitsschlüssel am Arbeitsplatz erreichen."},
	"servers.none": {EN: "There is none yet.", DE: "Es gibt noch keinen."},

	"server.title":       {EN: "Messaging server", DE: "Messaging-Server"},
	"server.new":         {EN: "New messaging server", DE: "Neuer Messaging-Server"},
	"server.url_hint":    {EN: "Where commands are posted; it ends in /command.", DE: "Wohin Befehle geschickt werden; endet auf /command."},
	"server.delete":      {EN: "Delete this messaging server", DE: "Diesen Messaging-Server löschen"},
	"server.delete_hint": {EN: "Tasks that name it fail from then on, those that wait for a command there included. Its token is gone.", DE: "Aufgaben, die ihn nennen, scheitern von da an, auch solche, die dort auf einen Befehl warten. Sein Token ist weg."},

	"name":        {EN: "Name", DE: "Name"},
	"name.hint":   {EN: "Tasks refer to it. It cannot be changed later.", DE: "Aufgaben nennen ihn. Er kann später nicht geändert werden."},
	"description": {EN: "Description", DE: "Beschreibung"},
	"url":         {EN: "URL", DE: "URL"},
	"client":      {EN: "Client id", DE: "Client-Kennung"},
	"changed":     {EN: "Changed", DE: "Geändert"},
	"where":       {EN: "It leads to", DE: "Führt zu"},
	"where.own":   {EN: "this Bestow itself, without a network between", DE: "diesem Bestow selbst, ohne Netz dazwischen"},
	"where.other": {EN: "another server, over https", DE: "einem anderen Server, über https"},
	"where.here":  {EN: "this Bestow itself", DE: "dieses Bestow selbst"},

	"secret":        {EN: "Secret", DE: "Geheimnis"},
	"secret.known":  {EN: "known", DE: "bekannt"},
	"secret.unset":  {EN: "not set", DE: "nicht gesetzt"},
	"secret.none":   {EN: "none needed", DE: "nicht nötig"},
	"secret.keep":   {EN: "Leave it empty to keep the one that is known. It cannot be shown.", DE: "Leer lassen, um das bekannte zu behalten. Es kann nicht gezeigt werden."},
	"secret.sealed": {EN: "It is stored sealed, and cannot be shown later.", DE: "Es wird versiegelt gespeichert und kann später nicht gezeigt werden."},
	"token":         {EN: "Authentication token", DE: "Authentifizierungs-Token"},
	"token.short":   {EN: "Token", DE: "Token"},
	"token.hint":    {EN: "The base64 of client id, colon and key, as the server's operator gives it.", DE: "Base64 aus Client-Kennung, Doppelpunkt und Schlüssel, wie der Betreiber des Servers es ausgibt."},

	"times":      {EN: "Times, in seconds", DE: "Zeiten in Sekunden"},
	"lifespan":   {EN: "Lifespan", DE: "Lebensdauer"},
	"timeout":    {EN: "Timeout", DE: "Frist für die Antwort"},
	"session":    {EN: "To follow the link", DE: "Um dem Link zu folgen"},
	"times.hint": {EN: "How long a command can be polled, how long it can be answered, how long the person has to follow the link: each shorter than the one before.", DE: "Wie lange ein Befehl abgefragt werden kann, wie lange er beantwortet werden kann, wie lange jemand hat, um dem Link zu folgen: jede kürzer als die davor."},

	"sets":       {EN: "Attestation keys", DE: "Attestierungsschlüssel"},
	"sets.how":   {EN: "Sets of public keys (JWKS) by which the answers of desktop agents are verified. Tasks refer to a set by its name.", DE: "Sätze öffentlicher Schlüssel (JWKS), mit denen Antworten von Desktop-Agenten geprüft werden. Aufgaben nennen einen Satz beim Namen."},
	"sets.nokid": {EN: "without a key id", DE: "ohne Schlüsselkennung"},
	"sets.text":  {EN: "Show the JWKS", DE: "JWKS zeigen"},
	"sets.drop":  {EN: "Remove this set when saving", DE: "Diesen Satz beim Speichern entfernen"},
	"sets.add":   {EN: "Add or replace a set", DE: "Satz hinzufügen oder ersetzen"},
	"sets.name":  {EN: "Name of the set", DE: "Name des Satzes"},
	"sets.file":  {EN: "File with the JWKS", DE: "Datei mit dem JWKS"},
	"sets.paste": {EN: "Or its text", DE: "Oder ihr Text"},

	"test":         {EN: "Test", DE: "Testen"},
	"test.hint":    {EN: "Test tries what is saved.", DE: "Getestet wird, was gespeichert ist."},
	"test.title":   {EN: "What the test found", DE: "Was der Test ergab"},
	"test.reached": {EN: "Reached", DE: "Erreicht"},
	"test.letin":   {EN: "Lets us in", DE: "Lässt uns ein"},
	"test.state":   {EN: "Says it is", DE: "Sagt, er sei"},
	"test.problem": {EN: "Problem", DE: "Problem"},

	"save":        {EN: "Save", DE: "Speichern"},
	"saved":       {EN: "Saved. Test it next.", DE: "Gespeichert. Testen Sie als Nächstes."},
	"delete":      {EN: "Delete", DE: "Löschen"},
	"delete.sure": {EN: "Yes, delete %s", DE: "Ja, %s löschen"},
	"deleted":     {EN: "%s is deleted.", DE: "%s ist gelöscht."},
}

// faultTexts is what operators read about refusals of settings.
var faultTexts = page.Texts{
	"fault.connection.unknown":       {EN: "There is no such connection.", DE: "Diese Verbindung gibt es nicht."},
	"fault.connection.invalid":       {EN: "The connection is not good.", DE: "Die Verbindung ist so nicht gut."},
	"fault.connection.version":       {EN: "Somebody else has just changed this. Look at it again before you save.", DE: "Jemand anderes hat das gerade geändert. Sehen Sie es noch einmal an, bevor Sie speichern."},
	"fault.messaging_server.unknown": {EN: "There is no such messaging server.", DE: "Diesen Messaging-Server gibt es nicht."},
	"fault.messaging_server.invalid": {EN: "The messaging server is not good.", DE: "Der Messaging-Server ist so nicht gut."},
	"fault.secrets.key_missing":      {EN: "The file with the key of stored secrets is missing. Put it back, or enter the secrets anew.", DE: "Die Datei mit dem Schlüssel gespeicherter Geheimnisse fehlt. Legen Sie sie zurück oder geben Sie die Geheimnisse neu ein."},
	"fault.secrets.key_other":        {EN: "A stored secret was sealed with another key. Put the key's file back, or enter the secret anew.", DE: "Ein gespeichertes Geheimnis wurde mit einem anderen Schlüssel versiegelt. Legen Sie dessen Datei zurück oder geben Sie das Geheimnis neu ein."},
	"fault.secrets.altered":          {EN: "A stored secret was altered. Enter it anew.", DE: "Ein gespeichertes Geheimnis wurde verändert. Geben Sie es neu ein."},
}
