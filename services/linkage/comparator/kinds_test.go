package comparator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmail(t *testing.T) {
	t.Parallel()
	pairs{
		{"Ann.Lee@Example.org", "ann.lee@example.org ", "identical"},
		{"ann+shop@example.org", "ann@example.org", "identical"},
		{"ann.lee@gmail.com", "annlee@googlemail.com", "identical"},
		{"Ann Lee <ann@example.org>", "mailto:ann@example.org", "identical"},
		{"ann.lee@example.org", "ann.lee@example.com", "same_user"},
		{"annabel.lee@example.org", "anabel.lee@example.com", "same_user jaro_winkler >= 0.9"},
		{"zoe@example.org", "ann@example.org", "same_domain"},
		{"zoe@example.org", "ann@example.com", "different"},
		{"ann@example.org", "none", "missing"}, {"ann@", "@example.org", "missing"}, {"a b@c", "", "missing"},
	}.check(t, must(t, "email", "", 1))
	pairs{
		{"ann+shop@example.org", "ann@example.org", "different"},
		{"ann.lee@gmail.com", "annlee@gmail.com", "damerau <= 1"},
	}.check(t, must(t, "email", "{plus_tags: keep, gmail_dots: keep}", 1, "identical", "damerau <= 1", "different"))
	c := must(t, "email", "", 1)
	require.Equal(t, []string{"ann"}, keysOf(t, c, "user", 0, "Ann+x@example.org"))
	require.Equal(t, []string{"example.org"}, keysOf(t, c, "domain", 0, "Ann+x@example.org"))
	require.Equal(t, []string{"ann@"}, keysOf(t, c, "first", 4, "Ann+x@example.org"))
}

func TestNumber(t *testing.T) {
	t.Parallel()
	pairs{
		{"1,234.50", "1234.5", "identical"}, {"-0", "0", "identical"}, {"1e3", "1 000", "identical"},
		{"10", "12", "within 2"}, {"0.2", "2.2", "within 2"}, {"1000", "1090", "within 10%"}, {"-1000", "-1090", "within 10%"},
		{"1000", "1200", "different"}, {"10", "-10", "different"}, {"10", "ten", "missing"}, {"10", "0x10", "missing"}, {"10", "inf", "missing"},
	}.check(t, must(t, "number", "", 1, "identical", "within 2", "within 10%", "different"))
	pairs{{"1.234,50", "1234,5", "identical"}}.check(t, must(t, "number", "decimal: comma", 1))
	c := must(t, "number", "", 1)
	require.Equal(t, keysOf(t, c, "value", 0, "7.0"), keysOf(t, c, "value", 0, "7"))
	term, known := c.(Termer).Term(feature(c, "7.50"), 0)
	require.True(t, known)
	require.Equal(t, "7.5", term)
}

func TestList(t *testing.T) {
	t.Parallel()
	c := must(t, "list", "separator: ';'", 1, "identical", "subset", "share >= 0.5", "overlap >= 1", "none")
	pairs{
		{"a; b;a", "B;A", "identical"}, {`["a"; "b"]`, "b;a", "identical"}, {"a;b;c", "a", "subset"},
		{"a;b;c", "b;c;d", "share >= 0.5"}, {"a;b;c", "c;d;e", "overlap >= 1"}, {"a", "b", "none"}, {"a", " ; ", "missing"}, {"[]", "a", "missing"},
	}.check(t, c)
	require.Equal(t, []string{"a", "b c"}, keysOf(t, c, "element", 0, "B c;A;a"))
}

func TestTokens(t *testing.T) {
	t.Parallel()
	c := must(t, "tokens", "", 1, "identical", "jaccard >= 0.6", "subset", "token_overlap >= 0.5", "overlap >= 1", "different")
	pairs{
		{"12 High Street", "street HIGH, 12", "identical"}, {"12 high street leeds", "12 high street", "jaccard >= 0.6"},
		{"leeds", "12 high street leeds", "subset"}, {"12 high street leeds", "9 high road leeds york", "token_overlap >= 0.5"},
		{"12 high street leeds", "9 low road york leeds", "overlap >= 1"}, {"a", "b", "different"}, {"a", "--", "missing"},
	}.check(t, c)
	require.Equal(t, []string{"12", "high"}, keysOf(t, c, "tokens", 0, "High 12"))
	require.Equal(t, []string{"12b"}, keysOf(t, c, "digits", 0, "High 12b"))
	require.Equal(t, []string{"12 high"}, keysOf(t, c, "sorted", 0, "High 12"))

	weighed := must(t, "tokens", "weights: {Street: 0.1, the: 0}", 1, "identical", "jaccard >= 0.7", "different")
	pairs{{"high street", "high", "jaccard >= 0.7"}, {"high street", "low street", "different"}, {"the high", "high", "jaccard >= 0.7"}}.check(t, weighed)
	require.Equal(t, []string{"high", "street"}, keysOf(t, weighed, "tokens", 0, "the High street"))
	two := must(t, "tokens", "", 2)
	require.Equal(t, "identical", levelOf(t, two, []string{"12", "high street"}, []string{"12 high", "street"}))
}

func TestIdentifier(t *testing.T) {
	t.Parallel()
	c := must(t, "identifier", "pattern: '[A-Z]{2}\\d{6}'", 1)
	pairs{
		{"AB 123-456", "ab123456", "identical"}, {"AB123456", "AB123465", "damerau <= 1"}, {"AB123456", "CD999999", "different"},
		{"AB123456", "0000000", "missing"}, {"AB123456", "", "missing"},
	}.check(t, c)
	id := c.(Identifier)
	require.Equal(t, []byte("ab123456"), id.Identifier(feature(c, "AB 123456")))
	require.Empty(t, id.Identifier(feature(c, "AB12345")), "too short to be right")
	require.Empty(t, id.Identifier(nil))
	require.Equal(t, []string{"ab"}, keysOf(t, c, "first", 2, "AB 123456"))
	require.Equal(t, []string{"ab12"}, keysOf(t, c, "value", 0, "AB 12"))
	free := must(t, "identifier", "", 1)
	require.Equal(t, []byte("x1"), free.(Identifier).Identifier(feature(free, "X-1")))

	pairs{{"SW1A 1AA", "sw1a1aa", "identical"}, {"SW1A 1AA", "SW1A 2BB", "starts_with 3"}, {"SW1A 1AA", "N1 9GU", "different"}}.check(t, must(t, "postcode", "", 1))
}

func TestFullName(t *testing.T) {
	t.Parallel()
	c := must(t, "full_name", "", 1, "identical", "same_tokens", "subset", "nickname", "initials", "token_similarity >= 0.92",
		"shared_tokens >= 2", "shared_tokens >= 1", "different")
	pairs{
		{"John Smith", "Mr. JOHN SMITH", "identical"},
		{"Smith, John", "John Smith", "identical"},
		{"Mary Ann Lee", "Mary-Ann Lee", "identical"},
		{"Mary Ann Lee", "Maryann Lee", "identical"},
		{"Smith John", "John Smith", "same_tokens"},
		{"Bob Smith", "Robert Smith", "nickname"},
		{"Smith Bob", "Robert Adam Smith", "nickname"},
		{"Ana García-López", "Ana Garcia", "subset"},
		{"John Adam Smith", "Smith John", "subset"},
		{"J. Smith", "John Smith", "initials"},
		{"John A Smith", "John Adam Smith", "initials"},
		{"Jon Smith", "John Smyth", "different"},
		{"Marhta Smith", "Martha Smith", "token_similarity >= 0.92"},
		{"John Smith", "Peter Smith", "shared_tokens >= 1"},
		{"Ann Mary Lee Fox", "Mary Lee Otto Karl", "shared_tokens >= 2"},
		{"J S", "John Smith", "different"},
		{"Smith", "John Smith", "shared_tokens >= 1"},
		{"Miss", "miss", "identical"},
		{"John Smith", "?", "missing"},
		{"John Smith Jr", "John Smith Sr", "shared_tokens >= 2"},
	}.check(t, c)

	two := must(t, "full_name", "ignore: [esq]", 2)
	require.Equal(t, "same_tokens", levelOf(t, two, []string{"John", "Smith"}, []string{"Smith", "John Esq."}))
	require.Equal(t, []string{"john", "smith"}, keysOf(t, two, "tokens", 0, "John", "Smith"))
	require.Equal(t, []string{"john smith"}, keysOf(t, two, "sorted", 0, "Smith", "John"))
	require.Equal(t, []string{"js"}, keysOf(t, two, "initials", 0, "Smith", "John"))
	require.Equal(t, []string{"j500", "s530"}, keysOf(t, two, "soundex", 0, "Smith", "John A"))
	require.Equal(t, []string{"robert", "smith"}, keysOf(t, two, "nickname", 0, "Bob", "Smith"))
	require.Equal(t, []string{"smithjohn"}, keysOf(t, two, "value", 0, "Smith", "John"))
	term, known := two.(Termer).Term(feature(two, "Smith", "John"), 0)
	require.True(t, known)
	require.Equal(t, "john smith", term)
}
