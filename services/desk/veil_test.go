package desk

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/schema/codes"
)

// What is sensitive lies in somebody's domain: else nobody could be shown it, or
// everybody would.
func TestEverySensitiveAttributeHasItsDomain(t *testing.T) {
	domains, _ := codes.LookupTable("domain")
	for _, d := range schema.Attributes() {
		domain, ok := domainOf[d.Name]
		require.Equal(t, d.Class == schema.ClassC, ok, d.Name)
		require.True(t, !ok || domains.Has(domain), d.Name)
		require.False(t, veil{}.hides(d.Name), "no veil is drawn")
		require.Equal(t, ok, veil{drawn: true}.hides(d.Name), d.Name)
		require.False(t, veil{drawn: true, domains: domains.Codes()}.hides(d.Name))
	}
	require.Equal(t, "1371*******", veiled(schema.Phone, "13712349876"))
	require.True(t, unchangedNumber(schema.Phone, " 1371******* ", "13712349876"))
	require.False(t, unchangedNumber(schema.Phone, "1371*******", ""))
	require.False(t, unchangedNumber(schema.Workplace, "1371*******", "13712349876"))
}
