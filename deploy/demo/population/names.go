package population

import (
	"math/rand/v2"
	"strings"
)

// surnames are weighted by their rough share. Polyphonic ones (单 仇 解 查 曾 区
// 盖 覃 朴 翟 任 华) are there more often than in life, since a street of three
// thousand would hardly show them otherwise.
var surnames = weighted(map[string]int{
	"王": 72, "李": 70, "张": 66, "刘": 52, "陈": 46, "杨": 30, "赵": 22, "黄": 22, "周": 20, "吴": 19,
	"徐": 17, "孙": 15, "胡": 13, "朱": 13, "高": 11, "林": 11, "何": 11, "郭": 11, "马": 10, "罗": 9,
	"梁": 8, "宋": 8, "郑": 8, "谢": 7, "韩": 7, "唐": 7, "冯": 6, "于": 6, "董": 6, "萧": 5,
	"程": 5, "曹": 5, "袁": 5, "邓": 5, "许": 5, "傅": 5, "沈": 5, "彭": 5, "吕": 4, "苏": 4,
	"卢": 4, "蒋": 4, "蔡": 4, "贾": 4, "丁": 4, "魏": 4, "薛": 4, "叶": 4, "阎": 3, "余": 3,
	"潘": 3, "杜": 3, "戴": 3, "夏": 3, "钟": 3, "汪": 3, "田": 3, "任": 3, "姜": 3, "范": 3,
	"方": 3, "石": 3, "姚": 3, "谭": 3, "廖": 3, "邹": 3, "熊": 3, "金": 3, "陆": 3, "郝": 2,
	"孔": 2, "白": 2, "崔": 2, "康": 2, "毛": 2, "邱": 2, "秦": 2, "江": 2, "史": 2, "顾": 2,
	"单": 2, "仇": 2, "解": 2, "查": 2, "曾": 3, "区": 1, "盖": 1, "覃": 1, "朴": 1, "翟": 1, "华": 1,
	"欧阳": 2, "上官": 1, "诸葛": 1, "司马": 1, "司徒": 1,
})

// Given names by sex and generation: first and second characters.
var (
	maleOld    = []string{"建国", "志强", "国强", "德明", "金生", "水根", "福生", "永康", "文忠", "长林", "玉山", "宝庆", "树林", "春生", "秀山", "学军", "卫东", "援朝", "爱民", "和平", "建军", "建华", "建民", "国华", "国平", "志明", "志刚", "永福", "永贵", "德福", "德胜", "金龙", "银山", "连生", "庆余", "世昌"}
	femaleOld  = []string{"秀英", "桂英", "玉兰", "凤英", "桂兰", "秀兰", "玉珍", "淑珍", "淑英", "金凤", "素芬", "月娥", "桂芳", "秀珍", "玉梅", "惠珍", "美英", "彩云", "翠花", "春梅", "爱华", "建英", "国英", "红英", "小妹", "阿娣", "根娣", "林妹", "云仙", "雪珍"}
	maleMid    = []string{"伟", "强", "勇", "军", "磊", "涛", "斌", "超", "刚", "鹏", "建平", "海涛", "志伟", "晓东", "俊杰", "文斌", "立新", "国栋", "少华", "永杰", "振华", "海波", "新民", "宏伟", "晓峰", "志勇", "旭东", "卫国", "建峰", "春雷", "文军", "一鸣", "明辉", "家俊", "庆华", "光明"}
	femaleMid  = []string{"芳", "敏", "静", "丽", "燕", "娟", "霞", "红", "艳", "玲", "晓燕", "丽华", "海燕", "红梅", "丽娟", "雪梅", "春燕", "文静", "晓红", "小芳", "玉华", "志红", "美玲", "慧敏", "雅琴", "秋萍", "丽萍", "建芳", "冬梅", "文娟"}
	maleNew    = []string{"浩然", "子轩", "宇轩", "浩宇", "梓豪", "俊熙", "一诺", "沐辰", "奕辰", "宇航", "子墨", "天佑", "明轩", "嘉懿", "煜城", "锦程", "瑞霖", "思远", "昊天", "博文", "铭泽", "若尘", "景行", "承恩", "睿", "泽宇", "晨阳", "志远", "子涵", "家铭"}
	femaleNew  = []string{"梓涵", "诗涵", "欣怡", "雨桐", "语嫣", "可馨", "一诺", "梦琪", "子萱", "雅静", "佳怡", "思琪", "雨萱", "若曦", "沐瑶", "诗雨", "芷若", "婉清", "晨曦", "书瑶", "安琪", "月婵", "锦瑟", "心怡", "语桐", "佳宁", "思雨", "雪瑶", "紫涵", "昕"}
	rareGiven  = []string{"𠮷", "㛃", "䶮"}
	commonest  = map[string][]string{"1": {"王伟", "张伟", "李伟", "刘伟", "王磊", "李强"}, "2": {"王芳", "李娜", "王秀英", "张敏", "李静", "刘洋"}}
	nearLast   = []string{"国", "军", "华", "民", "平", "明", "林", "生", "强", "伟"}
	minorities = []minority{
		{"05", true, []string{"阿布都热合曼", "买买提", "艾合买提", "吐尔逊", "玉素甫", "卡德尔"}, []string{"古丽娜尔", "阿依古丽", "帕提古丽", "热依汗", "努尔古丽"}, []string{"买买提", "吾甫尔", "司马义", "阿不都拉", "吐尔地", "依明"}},
		{"17", true, []string{"叶尔兰", "努尔兰", "哈力克", "别克"}, []string{"阿依努尔", "加娜尔", "古丽米拉"}, []string{"哈力木", "胡安什", "沙德克"}},
		{"04", false, []string{"扎西顿珠", "次仁旺堆", "洛桑", "丹增"}, []string{"卓玛", "白玛措", "德吉央宗", "拉姆"}, nil},
		{"03", false, nil, nil, nil}, {"11", false, nil, nil, nil}, {"08", false, nil, nil, nil},
		{"15", false, nil, nil, nil}, {"06", false, nil, nil, nil}, {"10", false, nil, nil, nil},
	}
)

// minority describes how one people names itself; without lists of its own it
// takes Han names.
type minority struct {
	code         string
	dotted       bool // given name · father's name
	male, female []string
	fathers      []string
}

// similar maps a character to homophones and look-alikes that a clerk types
// in its place.
var similar = map[rune][]rune{
	'伟': []rune("玮炜"), '丽': []rune("莉利"), '芳': []rune("方"), '明': []rune("名铭"), '华': []rune("花"),
	'军': []rune("君钧"), '静': []rune("靖婧"), '红': []rune("洪虹"), '玉': []rune("钰"), '春': []rune("椿"),
	'英': []rune("瑛"), '杰': []rune("洁"), '文': []rune("雯"), '辉': []rune("晖"), '志': []rune("智"),
	'国': []rune("帼"), '平': []rune("萍"), '萍': []rune("平"), '永': []rune("勇"), '勇': []rune("永"),
	'海': []rune("河"), '涛': []rune("韬"), '斌': []rune("彬"), '鹏': []rune("朋"), '刚': []rune("钢"),
	'强': []rune("蔷"), '建': []rune("健"), '福': []rune("富"), '德': []rune("得"), '金': []rune("锦"),
	'秀': []rune("绣"), '兰': []rune("蓝"), '珍': []rune("贞"), '淑': []rune("舒"), '梅': []rune("玫"),
	'燕': []rune("艳"), '艳': []rune("燕"), '娟': []rune("绢"), '霞': []rune("暇"), '玲': []rune("铃"),
	'敏': []rune("闵"), '晓': []rune("小"), '小': []rune("晓"), '浩': []rune("皓"), '轩': []rune("萱"),
	'宇': []rune("羽"), '涵': []rune("函"), '怡': []rune("宜"), '诗': []rune("思"), '思': []rune("诗"),
	'雨': []rune("语"), '语': []rune("雨"), '梓': []rune("子"), '子': []rune("梓"), '俊': []rune("骏"),
	'嘉': []rune("佳"), '佳': []rune("嘉"), '辰': []rune("晨"), '晨': []rune("辰"), '桐': []rune("彤"),
	'萧': []rune("肖"), '傅': []rune("付"), '阎': []rune("闫"), '于': []rune("余"), '余': []rune("于"),
	'章': []rune("张"), '徐': []rune("许"), '程': []rune("陈"), '吕': []rune("侣"), '邱': []rune("丘"),
}

func weighted(m map[string]int) []string {
	var list []string
	for _, name := range sortedKeys(m) {
		for range m[name] {
			list = append(list, name)
		}
	}
	return list
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// given returns a Han given name of a person born in a year.
func given(r *rand.Rand, sex string, born int) string {
	if r.Float64() < shareRare {
		return pick(r, rareGiven)
	}
	male := sex == "1"
	switch {
	case born < 1966 && male:
		return pick(r, maleOld)
	case born < 1966:
		return pick(r, femaleOld)
	case born < 2000 && male:
		return pick(r, maleMid)
	case born < 2000:
		return pick(r, femaleMid)
	case male:
		return pick(r, maleNew)
	}
	return pick(r, femaleNew)
}

// nearName is a son's name that differs from his father's in the last character.
func nearName(r *rand.Rand, father string) string {
	runes := []rune(father)
	for {
		last := []rune(pick(r, nearLast))[0]
		if last != runes[len(runes)-1] {
			return string(runes[:len(runes)-1]) + string(last)
		}
	}
}

// spellings lists other ways of writing a name: dots that a platform swaps or
// drops, and what stands in for a character that GBK cannot hold.
func spellings(name string) []string {
	var list []string
	if strings.Contains(name, "·") {
		for _, dot := range []string{"•", "．", ".", "・", ""} {
			list = append(list, strings.ReplaceAll(name, "·", dot))
		}
	}
	if strings.ContainsAny(name, "𠮷㛃䶮") {
		list = append(list, strings.NewReplacer("𠮷", "吉", "㛃", "洁", "䶮", "奄").Replace(name),
			strings.NewReplacer("𠮷", "？", "㛃", "？", "䶮", "？").Replace(name))
	}
	return list
}

// typo is what a clerk makes of a name in a hurry.
func typo(r *rand.Rand, name string) string {
	runes := []rune(name)
	var at []int
	for i, c := range runes {
		if len(similar[c]) > 0 {
			at = append(at, i)
		}
	}
	if len(at) > 0 {
		i := pick(r, at)
		runes[i] = pick(r, similar[runes[i]])
		return string(runes)
	}
	if n := len(runes); n >= 3 && runes[n-1] != runes[n-2] {
		runes[n-1], runes[n-2] = runes[n-2], runes[n-1]
		return string(runes)
	}
	return string(runes) + "儿"
}

// numberTypo spoils an ID number so that its check digit shows it.
func numberTypo(r *rand.Rand, number string) string {
	for {
		b := []byte(number)
		i := r.IntN(16)
		if r.IntN(2) == 0 {
			b[i] = byte('0' + r.IntN(10))
		} else {
			b[i], b[i+1] = b[i+1], b[i]
		}
		if s := string(b); s != number && !ValidNumber(s) {
			return s
		}
	}
}
