// The most common leaked passwords of eight characters or more, and names of this product.
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  `12345678 123456789 1234567890 12345678910 123123123 11111111 111111111 1111111111 00000000 000000000 0000000000 22222222 55555555 66666666
  77777777 88888888 99999999 87654321 987654321 0987654321 9876543210 12341234 123454321 11223344 1122334455 112233445566 12344321 147258369
  147852369 159357258 789456123 741852963 963852741 123321123 1231231234 01234567 0123456789 password password1 password12 password123
  password1234 password! passw0rd p@ssword p@ssw0rd pa55word passwort passwort1 passwort123 motdepasse contraseña parola123 qwertyui qwertyuiop
  qwerty12 qwerty123 qwerty1234 qwerty12345 qwertz123 qwertzuiop azertyuiop azerty123 asdfghjk asdfghjkl asdfasdf asdf1234 zxcvbnm123 zxcvbnm1
  1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4 q1w2e3r4t5 1qaz2wsx 1qazxsw2 qazwsxedc zaq12wsx abcd1234 abc12345 abc123456 abcdefgh abcdefg1
  a1234567 a12345678 a123456789 aa123456 aaaaaaaa iloveyou iloveyou1 iloveyou2 ichliebedich sunshine sunshine1 princess princess1 football
  football1 baseball baseball1 basketball superman superman1 batman123 starwars startrek pokemon1 pokemon123 dragon123 master123 monkey123
  shadow123 michael1 michelle jennifer jessica1 charlie1 liverpool liverpool1 chelsea1 arsenal1 internet computer computer1 whatever trustno1
  letmein1 letmein123 welcome1 welcome12 welcome123 changeme changeme1 changeme123 default1 default123 secret123 test1234 test12345 testtest
  testpassword temp1234 guest123 user1234 root1234 rootroot toortoor admin123 admin1234 admin12345 adminadmin administrator login123 access14
  homeassistant homeassistant1 homeassistant123 home-assistant raspberry raspberrypi hassio123 latchkey latchkey1 latchkey123`.split(/\s+/),
);
