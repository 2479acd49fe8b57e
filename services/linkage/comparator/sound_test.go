package comparator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Codes from the National Archives of the United States ("Soundex System") and
// Knuth, The Art of Computer Programming 3, 6.
func TestPublishedSoundex(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"washington": "w252", "lee": "l000", "gutierrez": "g362", "pfister": "p236", "jackson": "j250", "tymczak": "t522",
		"ashcraft": "a261", "vandeusen": "v532", "euler": "e460", "ellery": "e460", "gauss": "g200", "ghosh": "g200",
		"hilbert": "h416", "heilbronn": "h416", "knuth": "k530", "kant": "k530", "lloyd": "l300", "ladd": "l300",
		"lukasiewicz": "l222", "lissajous": "l222", "robert": "r163", "rupert": "r163", "rubin": "r150", "o'hara": "o600",
	} {
		code := soundex(name)
		require.Equal(t, want, string(code[:]), name)
	}
	require.Zero(t, soundex("王 42"))
}

// Codes to four letters as the author's own program gives them, from the tables
// with which Apache Commons Codec is tested.
func TestPublishedMetaphone(t *testing.T) {
	t.Parallel()
	for _, line := range strings.Split(strings.TrimSpace(`
alwein ALN ALN|angier ANJ ANJR|bachelor PXLR PKLR|barlow PRL PRLF|beauchamp PXMP PKMP|benign PNN PNKN|bergen PRJN PRKN
bigelow PJL PKLF|bouchier PX PKR|braham PRHM PRHM|brzozowski PRSS PRTS|burge PRJ PRK|cartwright KRTR KRTR|ceeley SL SL
chambers XMPR XMPR|chevalier XFL XFLR|christie KRST KRST|church XRX XRK|clothilde KL0L KLTL|cunningham KNNK KNNK
d'aubigny TPN TPKN|deekindaugh TKNT TKNT|dow T TF|eglinton AKLN ALNT|fischer FXR FSKR|folger FLKR FLJR|frier FR FRR
gage KJ KK|gallishan KLXN KLXN|george JRJ KRK|gerritsen KRTS JRTS|gibbs KPS JPS|giffard JFRT KFRT|hathaway H0 HT
houckgeest HKJS HKKS|hough H H|hughes HS HS|hungerford HNKR HNJR|hutchinson HXNS HXNS|jackson JKSN AKSN
josephine JSFN HSFN|kitchen KXN KXN|knight NT NT|knox NKS NKS|langendyck LNJN LNKN|laquer LKR LKR|leach LK LK
magnus MNS MKNS|mayhew MH MHF|mcilroy MSLR MSLR|mcnair MKNR MKNR|mighill ML ML|montboucher MNTP MNTP|murchad MRXT MRKT
oppenheimer APNM APNM|phinney FN FN|pliskovitch PLSK PLSK|rachel RXL RKL|reichert RXRT RKRT|richards RXRT RKRT
sargent SRJN SRKN|schilling XLNK XLNK|schlegel XLKL SLKL|sergeaux SRJ SRK|shaw X XF|slade SLT XLT|smith SM0 XMT
snow SN XNF|southworth S0R0 STRT|stoughton STFT STFT|swayze SS XTS|swift SFT XFT|thomas TMS TMS|thwaits 0TS TTS
ua tuathail AT0L ATTL|van egmond FNKM FNKM|vaughan FKN FKN|wagner AKNR FKNR|washburne AXPR FXPR|count of brionne KNTF KNTF
filipowicz FLPT FLPF|michael MKL MXL|crevalle KRFL KRF|filipowitz FLPT FLPF|xavier SF SFR|delicious TLSS TLXS|accident AKST AKST
`), "\n") {
		for _, entry := range strings.Split(line, "|") {
			f := strings.Fields(entry)
			name := strings.Join(f[:len(f)-2], " ")
			first, second := metaphone(name)
			require.Equal(t, f[len(f)-2], first[:min(4, len(first))], name)
			require.Equal(t, f[len(f)-1], second[:min(4, len(second))], name)
		}
	}
	first, second := metaphone("王 42")
	require.Empty(t, first+second)
}

func TestNicknames(t *testing.T) {
	t.Parallel()
	same := func(a, b string) bool { return shareGroup(appendGroups(nil, a), appendGroups(nil, b)) }
	for _, p := range [][2]string{
		{"robert", "bob"}, {"bob", "rob"}, {"william", "bill"}, {"will", "bill"}, {"elizabeth", "liz"}, {"beth", "liz"},
		{"christopher", "chris"}, {"christine", "chris"}, {"catherine", "katherine"}, {"margaret", "peggy"}, {"jose", "jose"},
	} {
		want := p[0] != "jose"
		require.Equal(t, want, same(p[0], p[1]), "%s %s", p[0], p[1])
		require.Equal(t, want, same(p[1], p[0]), "%s %s", p[1], p[0])
	}
	for _, p := range [][2]string{{"christopher", "christine"}, {"robert", "william"}, {"bob", "bill"}, {"john", "james"}} {
		require.False(t, same(p[0], p[1]), "%s %s", p[0], p[1])
	}
}

// A slip in the table would join strangers or waste a line.
func TestNicknameTableIsTidy(t *testing.T) {
	t.Parallel()
	g := readNicknames(nicknameTable)
	formal := map[string]bool{}
	for _, f := range g.formal {
		require.False(t, formal[f], "%s has two lines", f)
		formal[f] = true
	}
	for name, ids := range g.of {
		require.Equal(t, onlyWord(withoutAccents(fold(name))), name)
		require.IsIncreasing(t, append([]uint16{0}, add(ids, 1)...), "%s is twice on a line", name)
		require.LessOrEqual(t, len(ids), 8, "%s stands for too many names to say anything", name)
	}
	require.Greater(t, len(g.formal), 300)
}

func add(ids []uint16, n uint16) []uint16 {
	out := make([]uint16, len(ids))
	for i, id := range ids {
		out[i] = id + n
	}
	return out
}
