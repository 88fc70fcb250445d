package task

import "bestow.dev/internal/page"

// texts are those of the pages, beside what texts_desk.go says of desks.
var texts = page.Texts{
	"link.title":    {EN: "A task is waiting for you", DE: "Eine Aufgabe wartet auf Sie"},
	"link.text":     {EN: "Your link works once, and in this browser. Press Continue to open the task.", DE: "Ihr Link gilt einmal, und für diesen Browser. Mit „Weiter“ öffnen Sie die Aufgabe."},
	"link.button":   {EN: "Continue", DE: "Weiter"},
	"link.noscript": {EN: "To open a link, and to sign in with a passkey, this page needs JavaScript.", DE: "Um einen Link zu öffnen oder sich mit einem Passkey anzumelden, braucht diese Seite JavaScript."},

	"signin.title":      {EN: "Your tasks", DE: "Ihre Aufgaben"},
	"signin.for":        {EN: "Sign in with a passkey to see the tasks that are waiting for you. If you were given a link, open that instead.", DE: "Melden Sie sich mit einem Passkey an, um die Aufgaben zu sehen, die auf Sie warten. Wenn Sie einen Link bekommen haben, öffnen Sie stattdessen diesen."},
	"signin.button":     {EN: "Sign in with a passkey", DE: "Mit Passkey anmelden"},
	"signin.impossible": {EN: "Nobody can sign in on this page. Open the link that you were given.", DE: "Auf dieser Seite kann sich niemand anmelden. Öffnen Sie den Link, den Sie bekommen haben."},
	"signout":           {EN: "Sign out", DE: "Abmelden"},
	"tasks":             {EN: "All tasks", DE: "Alle Aufgaben"},

	"list.title":  {EN: "Your tasks", DE: "Ihre Aufgaben"},
	"list.none":   {EN: "Nothing is waiting for you.", DE: "Es wartet nichts auf Sie."},
	"list.since":  {EN: "since %s UTC", DE: "seit %s UTC"},
	"list.next":   {EN: "More tasks", DE: "Weitere Aufgaben"},
	"list.mine":   {EN: "taken by you", DE: "von Ihnen übernommen"},
	"list.others": {EN: "somebody else is doing it", DE: "jemand anders ist dabei"},
	"list.role":   {EN: "for %s", DE: "für %s"},

	"role.administrator": {EN: "administrators", DE: "Administratoren"},
	"role.enroller":      {EN: "enrollers", DE: "Ausgeber"},
	"role.auditor":       {EN: "auditors", DE: "Prüfer"},

	"form.submit":    {EN: "Done", DE: "Fertig"},
	"form.next":      {EN: "Next", DE: "Weiter"},
	"form.take":      {EN: "Take this task", DE: "Aufgabe übernehmen"},
	"form.back":      {EN: "Give back", DE: "Zurückgeben"},
	"form.elsewhere": {EN: "Somebody else is doing this task.", DE: "Diese Aufgabe erledigt gerade jemand anders."},
	"form.page":      {EN: "Open the page", DE: "Seite öffnen"},
	"form.optional":  {EN: "optional", DE: "freiwillig"},
	"form.choose":    {EN: "Please choose", DE: "Bitte wählen"},
	"form.problem":   {EN: "Something is missing or not as it should be. Nothing was sent on yet.", DE: "Etwas fehlt oder ist nicht, wie es sein soll. Es wurde noch nichts weitergegeben."},
	"form.required":  {EN: "Please fill this in.", DE: "Bitte füllen Sie das aus."},
	"form.string":    {EN: "This is too long: at most 4000 characters.", DE: "Das ist zu lang: höchstens 4000 Zeichen."},
	"form.long":      {EN: "Please give a whole number.", DE: "Bitte geben Sie eine ganze Zahl an."},
	"form.date":      {EN: "Please give a date such as 2026-03-02.", DE: "Bitte geben Sie ein Datum an wie 2026-03-02."},
	"form.enum":      {EN: "Please choose one of these.", DE: "Bitte wählen Sie eine der Möglichkeiten."},
	"form.boolean":   {EN: "Please say yes or no.", DE: "Bitte sagen Sie ja oder nein."},

	"problem.title":   {EN: "That did not work", DE: "Das ging nicht"},
	"problem.back":    {EN: "To your tasks", DE: "Zu Ihren Aufgaben"},
	"problem.request": {EN: "Code %s, request %s", DE: "Code %s, Anfrage %s"},

	"fault.process.link_unknown":      {EN: "This link is not valid. Check that it is complete, or ask for a new one.", DE: "Dieser Link ist nicht gültig. Prüfen Sie, ob er vollständig ist, oder bitten Sie um einen neuen."},
	"fault.process.link_spent":        {EN: "This link has been used already, or was replaced by a newer one. If it was not you who used it, tell whoever sent it, now.", DE: "Dieser Link wurde schon benutzt oder durch einen neueren ersetzt. Wenn nicht Sie ihn benutzt haben, sagen Sie es jetzt dem, von dem Sie ihn haben."},
	"fault.process.link_expired":      {EN: "This link has expired. Ask for a new one.", DE: "Dieser Link ist abgelaufen. Bitten Sie um einen neuen."},
	"fault.process.user_task_over":    {EN: "This task is over. There is nothing left to do.", DE: "Diese Aufgabe ist erledigt. Es ist nichts mehr zu tun."},
	"fault.process.user_task_unknown": {EN: "There is no such task, or it is not yours.", DE: "Diese Aufgabe gibt es nicht, oder sie ist nicht Ihre."},
	"fault.process.user_task_taken":   {EN: "Somebody else has taken this task.", DE: "Diese Aufgabe hat jemand anders übernommen."},
	"fault.process.session_unknown":   {EN: "Your session has ended. Ask for a new link, or sign in.", DE: "Ihre Sitzung ist zu Ende. Bitten Sie um einen neuen Link, oder melden Sie sich an."},
	"fault.session.unknown":           {EN: "Your session has ended. Sign in again.", DE: "Ihre Sitzung ist zu Ende. Melden Sie sich neu an."},
	"fault.signin.none":               {EN: "There is nothing to sign in to on this page.", DE: "Auf dieser Seite kann sich niemand anmelden."},
	"fault.user.locked":               {EN: "This account is locked. Ask whoever looks after it.", DE: "Dieses Konto ist gesperrt. Fragen Sie, wer es betreut."},
	"fault.credential.unknown":        {EN: "This passkey is not known here.", DE: "Dieser Passkey ist hier nicht bekannt."},
	"fault.credential.suspended":      {EN: "This passkey is suspended. Ask whoever looks after your account.", DE: "Dieser Passkey ist ausgesetzt. Fragen Sie, wer Ihr Konto betreut."},

	"kind.internal":        {EN: "Something went wrong on our side.", DE: "Bei uns ist etwas schiefgegangen."},
	"kind.invalid":         {EN: "That request makes no sense here.", DE: "Diese Anfrage ergibt hier keinen Sinn."},
	"kind.unauthenticated": {EN: "Sign in first.", DE: "Melden Sie sich zuerst an."},
	"kind.denied":          {EN: "This is not allowed.", DE: "Das ist nicht erlaubt."},
	"kind.not_found":       {EN: "There is nothing here.", DE: "Hier ist nichts."},
	"kind.conflict":        {EN: "This cannot be done as things are.", DE: "So, wie die Dinge stehen, geht das nicht."},
	"kind.gone":            {EN: "This is over.", DE: "Das ist vorbei."},
	"kind.rejected":        {EN: "The answer of the passkey was refused.", DE: "Die Antwort des Passkeys wurde abgelehnt."},
	"kind.limited":         {EN: "Too many tries. Wait a minute.", DE: "Zu viele Versuche. Warten Sie eine Minute."},
	"kind.unsupported":     {EN: "This installation does not do that.", DE: "Diese Installation kann das nicht."},
	"kind.unavailable":     {EN: "The server is busy. Try again.", DE: "Der Server ist beschäftigt. Versuchen Sie es noch einmal."},

	"word.moment": {EN: "One moment…", DE: "Einen Augenblick…"},
}

func init() {
	for key, text := range deskTexts {
		texts[key] = text
	}
}
