package desk

import "heji/services/store"

const sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// anyFile is a file as it is.
var anyFile = brought{"application/octet-stream"}

// queryParameters are what may follow the question mark.
var queryParameters = map[string]parameter{
	"lang":      {kind: "string", says: "zh or en; it goes before Accept-Language."},
	"q":         {kind: "string", says: "A name, pinyin or initials, four or more digits of an ID number or phone, an address (3-2-1801), or several of them."},
	"preview":   {kind: "boolean", says: "Only say what would happen."},
	"as_of":     {kind: "string", says: "An earlier day, 2026-10-01: what was known at its end is told as well."},
	"wait":      {kind: "number", says: "For so many seconds, 60 at most, until the entry is merged."},
	"until":     {kind: "string", says: "merged or settled (no platform is still on its way)."},
	"revoke":    {kind: "string", says: "Numbers of decisions that are taken back with it, with commas.", many: true},
	"decision":  {kind: "string", says: "same or not_same."},
	"apart":     {kind: "string", says: "A record that is somebody else's, as platform/key.", many: true},
	"merge":     {kind: "integer", says: "The number of a merge, to foresee its unmerge instead."},
	"who":       {kind: "string", says: "In whose name, while there is no account; then it is the account's."},
	"name":      {kind: "string", says: "The name of the file."},
	"day":       {kind: "string", says: "The day of an export, 2026-11-30; today where it is left out."},
	"platform":  {kind: "string", says: "Of this platform alone."},
	"all":       {kind: "string", says: "1: what is done already as well."},
	"reason":    {kind: "string", says: "Of this reason alone."},
	"community": {kind: "string", says: "Of this community alone."},
	"agreement": {kind: "integer", says: "A version of the agreement; the one in force where it is left out."},
	"compound":  {kind: "string", says: "The compound; the community's name where there is none."},
	"building":  {kind: "string", says: "The building."},
	"at":        {kind: "string", says: "A dwelling, as compound|building|unit|room."},
	"household": {kind: "string", says: "The number of a household, instead of a dwelling."},
	"later":     {kind: "boolean", says: "Those that were put off as well."},
	"limit":     {kind: "integer", says: "How many at most."},
	"cursor":    {kind: "string", says: "next of the page before."},
	"resident":  {kind: "string", says: "Of this resident alone."},
	"month":     {kind: "string", says: "2026-11; this month where it is left out."},
	"format":    {kind: "string", says: "csv: a table for spreadsheets."},
	"after":     {kind: "integer", says: "next of the page before."},
	"from":      {kind: "string", says: "From this day on, 2026-11-01."},
	"to":        {kind: "string", says: "Until the end of this day."},
	"did":       {kind: "string", says: "What was done."},
	"what":      {kind: "string", says: "To what or whom it was done."},
}

// operations are all routes of the API. A test compares them with the table of
// permissions, and every answer of every other test with what is said here.
var operations = map[string]operation{
	"GET /api/v1/openapi.json": {does: "This document.", gives: []any{object{}}},

	"GET /api/v1/start": {does: "What waits for a person, what changed today, and what entries saved: of the residents that are seen.", gives: []any{Start{}}},

	// Residents and entries.
	"GET /api/v1/attributes": {does: "What may be entered, and how it is called.", gives: []any{AttributesReply{}}},
	"GET /api/v1/residents":  {does: "Search for residents.", query: []string{"q"}, gives: []any{Hits{}}},
	"POST /api/v1/residents": {does: "Enter a new resident.", query: []string{"wait", "preview"}, takes: entryBody{}, gives: []any{EntryReply{}, Preview{}},
		status: []int{200, 201, 202}},
	"PATCH /api/v1/residents/{id}": {does: "Enter what has changed of a resident.", query: []string{"wait", "preview"}, takes: entryBody{}, gives: []any{EntryReply{}, Preview{}},
		status: []int{200, 202}, match: true},
	"GET /api/v1/residents/{id}": {does: "Everything that is known of a resident and may be seen. An id that was merged leads on.", query: []string{"as_of"}, gives: []any{Person{}},
		status: []int{200, 303}, etag: true},
	"GET /api/v1/residents/{id}/targets":                 {does: "Where every platform stands with a resident.", gives: []any{TargetsReply{}}},
	"POST /api/v1/residents/{id}/targets/{target}/retry": {does: "Have a row tried again that a platform refused, or that waits (target: its id in the list).", gives: []any{TargetsReply{}}},
	"POST /api/v1/residents/{id}/reveal":                 {does: "See a resident's numbers in full, for a reason that is kept.", takes: RevealBody{}, gives: []any{Revealed{}}},
	"GET /api/v1/entries/{request}":                      {does: "What has become of an entry.", query: []string{"wait", "until"}, gives: []any{EntryReply{}}},

	"POST /api/v1/residents/alike": {does: "Residents who may be the one whom the values describe, and why: ask before entering a new one.", takes: entryBody{}, gives: []any{AlikeReply{}}},

	// Homes.
	"GET /api/v1/buildings":            {does: "The buildings of a community, or the communities.", query: []string{"community"}, gives: []any{BuildingsBody{}}},
	"GET /api/v1/buildings/chart":      {does: "Who lives behind each door of a building.", query: []string{"community", "compound", "building"}, gives: []any{ChartBody{}}},
	"GET /api/v1/dwellings":            {does: "The households of a dwelling.", query: []string{"at", "household", "community"}, gives: []any{DwellingBody{}}},
	"GET /api/v1/dwellings/pick":       {does: "Dwellings that a text may mean, with their households.", query: []string{"q"}, gives: []any{PicksReply{}}},
	"GET /api/v1/residents/{id}/move":  {does: "Who lives with a resident and may move along.", gives: []any{MatesReply{}}},
	"POST /api/v1/residents/{id}/move": {does: "A resident moves, and whoever of the household moves along: all of them, or nobody.", query: []string{"wait"}, takes: moveBody{}, gives: []any{EntryReply{}}, status: []int{200, 202}},

	// Claims and handovers.
	"POST /api/v1/claims":                {does: "Whether an ID number is registered: nowhere, here, or in another community.", takes: ClaimBody{}, gives: []any{ClaimReply{}}},
	"GET /api/v1/handovers":              {does: "Requests for residents of other communities, asked by or of you.", gives: []any{HandoversReply{}}},
	"POST /api/v1/handovers":             {does: "Ask another community for a resident.", takes: HandoverBody{}, gives: []any{HandoverDone{}}, status: []int{201}},
	"POST /api/v1/handovers/{id}/accept": {does: "Let a resident go.", takes: AnswerBody{}, gives: []any{HandoverDone{}}},
	"POST /api/v1/handovers/{id}/end":    {does: "Refuse a request, or withdraw your own.", takes: AnswerBody{}, gives: []any{HandoverDone{}}},

	// Imports.
	"GET /api/v1/imports":             {does: "Your imports.", gives: []any{ImportsReply{}}},
	"POST /api/v1/imports":            {does: "Bring a roster; nothing is entered yet.", query: []string{"name", "who"}, takes: anyFile, gives: []any{ImportReply{}}, status: []int{201}},
	"GET /api/v1/imports/{id}":        {does: "One import.", gives: []any{ImportReply{}}},
	"GET /api/v1/imports/{id}/failed": {does: "The rows that were not entered, with what is wrong.", file: sheet},
	"POST /api/v1/imports/{id}/start": {does: "Say what the columns are, and enter what is right.", takes: startBody{}, gives: []any{ImportReply{}}, status: []int{202}},
	"POST /api/v1/imports/{id}/undo":  {does: "Take back what an import entered.", takes: whoBody{}, gives: []any{ImportReply{}}},

	// The review queue, and decisions.
	"GET /api/v1/reviews":                                      {does: "Pairs that wait for a person, those of most consequence first.", query: []string{"reason", "community", "platform", "later", "limit", "cursor"}, gives: []any{Reviews{}}},
	"GET /api/v1/reviews/{x}/{y}":                              {does: "Two residents side by side.", gives: []any{Pair{}}},
	"GET /api/v1/reviews/{x}/{y}/effect":                       {does: "What a decision would change, and on which platform.", query: []string{"decision", "revoke"}, gives: []any{Forecast{}}},
	"GET /api/v1/reviews/{x}/{y}/actions":                      {does: "What was decided about a pair.", gives: []any{ActionsReply{}}},
	"POST /api/v1/decisions":                                   {does: "Decide: same, not_same, later, keep.", query: []string{"preview"}, takes: decisionBody{}, gives: []any{Acted{}, Forecast{}}, status: []int{200, 201}},
	"DELETE /api/v1/decisions/{id}":                            {does: "Take a decision back.", query: []string{"who"}, gives: []any{Revoked{}}},
	"GET /api/v1/actions/{id}":                                 {does: "What one person did in one go.", gives: []any{Act{}}},
	"GET /api/v1/actions/{id}/effect":                          {does: "What undoing it would change.", query: []string{"revoke"}, gives: []any{Forecast{}}},
	"POST /api/v1/actions/{id}/undo":                           {does: "Undo it.", query: []string{"preview"}, takes: undoBody{}, gives: []any{Acted{}, Forecast{}}, status: []int{200, 201}},
	"GET /api/v1/residents/{id}/merges":                        {does: "When records of others joined a resident.", gives: []any{Merges{}}},
	"GET /api/v1/residents/{id}/actions":                       {does: "What was decided about a resident.", gives: []any{ActionsReply{}}},
	"GET /api/v1/residents/{id}/effect":                        {does: "What a split, or an unmerge, would change.", query: []string{"apart", "merge", "revoke"}, gives: []any{Forecast{}}},
	"POST /api/v1/residents/{id}/split":                        {does: "Records that are somebody else's go.", query: []string{"preview"}, takes: splitBody{}, gives: []any{Acted{}, Forecast{}}, status: []int{200, 201}},
	"POST /api/v1/residents/{id}/unmerge":                      {does: "Undo one merge.", query: []string{"preview"}, takes: unmergeBody{}, gives: []any{Acted{}, Forecast{}}, status: []int{200, 201}},
	"POST /api/v1/targets/{platform}/{key}/fields/{attribute}": {does: "Say what a contested, refused or not taken field is.", takes: verdictBody{}, gives: []any{VerdictReply{}}},
	"GET /api/v1/risks":                                        {does: "Grave changes that wait before they leave.", query: []string{"resident"}, gives: []any{RisksReply{}}},
	"POST /api/v1/risks/{id}/approve":                          {does: "Let one go, as the second person.", takes: personBody{}, gives: []any{RisksReply{}}},
	"POST /api/v1/risks/{id}/stop":                             {does: "Hold one back.", takes: personBody{}, gives: []any{RisksReply{}}},

	// What people carry.
	"GET /api/v1/parcels":                           {does: "What has to be carried to platforms.", gives: []any{ErrandsReply{}}},
	"GET /api/v1/parcels/{platform}/{id}":           {does: "One batch or card.", gives: []any{ErrandParcel{}}},
	"GET /api/v1/parcels/{platform}/{id}/document":  {does: "The filled template of a batch: the same bytes each time.", file: sheet},
	"POST /api/v1/parcels/{platform}/receipts":      {does: "Bring a platform's receipt.", query: []string{"name"}, takes: anyFile, gives: []any{ReceiptReply{}}},
	"POST /api/v1/parcels/{platform}/exports":       {does: "Bring a platform's export, for the next pull.", query: []string{"name", "day"}, takes: anyFile, gives: []any{ExportReply{}}, status: []int{202}},
	"POST /api/v1/parcels/{platform}/{id}/typed":    {does: "Tick a card.", takes: typedBody{}, gives: []any{ParcelDone{}}},
	"POST /api/v1/parcels/{platform}/{id}/uploaded": {does: "A batch was handed in, without a receipt.", takes: whoBody{}, gives: []any{ParcelDone{}}},
	"POST /api/v1/parcels/{platform}/{id}/return":   {does: "A batch was not handed in.", takes: whoBody{}, gives: []any{ParcelDone{}}},
	"GET /api/v1/platforms/{id}/proposals":          {does: "What is proposed to a platform's owner.", query: []string{"all"}, gives: []any{AskedList{}}},
	"POST /api/v1/platforms/{id}/proposals":         {does: "The owner's answers.", takes: answersBody{}, gives: []any{AskedList{}}},
	"GET /api/v1/platforms/{id}/proposals/file":     {does: "The proposals as a list to be answered.", query: []string{"format"}, file: sheet},
	"POST /api/v1/platforms/{id}/proposals/file":    {does: "Bring the answered list.", query: []string{"name", "who"}, takes: anyFile, gives: []any{ProposalsAnswered{}}},

	// Platforms.
	"GET /api/v1/platforms":                      {does: "How the platforms stand.", gives: []any{Overview{}}},
	"GET /api/v1/platforms/{id}":                 {does: "One platform whole: how it stands, what was read, written and set aside, the ladder, and the agreement in words.", gives: []any{PlatformReply{}}},
	"GET /api/v1/platforms/{id}/effect":          {does: "What would be written now, or under another version of the agreement. Nothing becomes due.", query: []string{"agreement", "community"}, gives: []any{EffectReport{}}},
	"POST /api/v1/platforms/{id}/stage":          {does: "A step on the ladder, on an effect report that was read.", takes: stepBody{}, gives: []any{StepReply{}}},
	"POST /api/v1/platforms/{id}/agreement":      {does: "A version of the agreement comes into force.", takes: agreementBody{}, gives: []any{AgreementReply{}}},
	"POST /api/v1/platforms/{id}/pause":          {does: "Nothing is read or written.", gives: []any{PausedReply{}}},
	"POST /api/v1/platforms/{id}/resume":         {does: "It goes on.", gives: []any{PausedReply{}}},
	"POST /api/v1/platforms/{id}/resync":         {does: "Read it whole again.", takes: personBody{}, gives: []any{ResyncReply{}}, status: []int{202}},
	"POST /api/v1/platforms/{id}/open":           {does: "Let it take part again after the database was restored.", takes: openBody{}, gives: []any{OpenedReply{}}},
	"POST /api/v1/platforms/{id}/rollback":       {does: "Take back what was written to it in a time, where it is still shown.", takes: rollbackBody{}, gives: []any{RollbackReply{}}},
	"GET /api/v1/platforms/{id}/brakes":          {does: "What the brakes hold.", query: []string{"all"}, gives: []any{Stopped{}}},
	"POST /api/v1/platforms/{id}/brakes/{read}":  {does: "Say whether a read that was set aside is true.", takes: brakeBody{}, gives: []any{Stopped{}}},
	"POST /api/v1/platforms/{id}/brakes/writing": {does: "Writing goes on.", takes: personBody{}, gives: []any{Stopped{}}},
	"POST /api/v1/writes/stop":                   {does: "Nothing leaves until it is turned back; intake goes on.", gives: []any{WritesReply{}}},
	"POST /api/v1/writes/resume":                 {does: "It goes on.", gives: []any{WritesReply{}}},
	"GET /api/v1/dead":                           {does: "Rows that were set aside, and why.", query: []string{"platform", "all"}, gives: []any{DeadReply{}}},
	"POST /api/v1/dead/{id}/retry":               {does: "Try one again.", takes: personBody{}, gives: []any{DeadDone{}}},
	"POST /api/v1/dead/{id}/drop":                {does: "Leave one out for good.", takes: personBody{}, gives: []any{DeadDone{}}},
	"GET /api/v1/statement":                      {does: "What was written to whom in a month.", query: []string{"month", "format"}, gives: []any{Statement{}}, file: "text/csv"},
	"GET /api/v1/relink":                         {does: "How far linking everything anew has come.", gives: []any{store.RelinkStatus{}}},
	"POST /api/v1/relink":                        {does: "Link everything anew with another model.", takes: relinkBody{}, gives: []any{store.ModelStatus{}}, status: []int{202}},
	"POST /api/v1/relink/preview":                {does: "What another model would change. It may take minutes.", takes: relinkBody{}, gives: []any{store.RelinkPreview{}}},
	"POST /api/v1/relink/cancel":                 {does: "Stay with the model in force.", gives: []any{store.RelinkStatus{}}},
	"GET /api/v1/hot-keys":                       {does: "Blocking keys with too many holders, without their values.", gives: []any{HotKeysReply{}}},

	// Staff and accounts.
	"GET /api/v1/staff":                     {does: "How the communities stand, and who works where.", gives: []any{StaffReply{}}},
	"POST /api/v1/staff/{login}/posting":    {does: "Send a worker elsewhere; an heir takes over what is left.", takes: PostBody{}, gives: []any{StaffReply{}}},
	"GET /api/v1/accounts":                  {does: "Who may use the desk.", gives: []any{AccountsReply{}}},
	"POST /api/v1/accounts":                 {does: "A new account, and its first password.", takes: AccountChange{}, gives: []any{AccountDone{}}, status: []int{201}},
	"POST /api/v1/accounts/{login}/reset":   {does: "A new first password.", takes: AccountChange{}, gives: []any{AccountDone{}}},
	"POST /api/v1/accounts/{login}/lock":    {does: "Lock an account.", takes: AccountChange{}, gives: []any{AccountDone{}}},
	"POST /api/v1/accounts/{login}/unlock":  {does: "Unlock it.", takes: AccountChange{}, gives: []any{AccountDone{}}},
	"POST /api/v1/accounts/{login}/roles":   {does: "What somebody works as.", takes: AccountChange{}, gives: []any{AccountDone{}}},
	"POST /api/v1/accounts/{login}/posting": {does: "For whom somebody works.", takes: AccountChange{}, gives: []any{AccountDone{}}},
	"GET /api/v1/audit":                     {does: "Who did what.", query: []string{"after", "limit", "from", "to", "who", "did", "what", "platform"}, gives: []any{AuditReply{}}},
	"POST /api/v1/audit/verify":             {does: "Whether the trail is whole; heads that were noted elsewhere are looked for in it.", takes: auditHeads{}, gives: []any{AuditVerified{}}},
	"GET /api/v1/audit/keep":                {does: "For how many days rows are kept.", gives: []any{AuditKept{}}},
	"POST /api/v1/audit/keep":               {does: "Keep them for so many days.", takes: auditKeepBody{}, gives: []any{AuditKept{}}},
}
